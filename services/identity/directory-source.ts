// Owns the port of a directory of people that is kept elsewhere: read, and asked whether a password is right,
// never written.

export interface SourceEntry {
  /** By which it is known there, for ever. */
  readonly localId: string;
  readonly name: string;
  readonly description: string;
  /** Where it lies there; no affair of whoever asks. */
  readonly place: string;
}

export interface SourceUser extends SourceEntry {
  /** Empty where there is none. */
  readonly email: string;
  readonly enabled: boolean;
}

export interface SourceGroup extends SourceEntry {
  /** As the directory names them. */
  readonly members: readonly string[];
}

/** Whatever cannot be asked throws a Fault `unreachable`. */
export interface DirectorySource {
  user(by: 'localId' | 'name', value: string): Promise<SourceUser | undefined>;
  group(by: 'localId' | 'name', value: string): Promise<SourceGroup | undefined>;
  users(most: number): Promise<readonly SourceUser[]>;
  groups(most: number): Promise<readonly SourceGroup[]>;
  groupsOf(user: SourceUser, most: number): Promise<readonly SourceGroup[]>;
  membersOf(group: SourceGroup, most: number): Promise<readonly SourceUser[]>;
  /** False also for a user that is not there. */
  isPassword(user: SourceUser | undefined, password: string): Promise<boolean>;
}
