// Owns who a statement speaks of (IAM User Guide, "AWS JSON policy elements: Principal").

/** Who asks. */
export interface Principal {
  /** Undefined: nobody in particular. */
  readonly accountId: string | undefined;
  /** `arn:aws:iam::<account>:root` of an account itself, `…:user/<name>` of one of its users. */
  readonly arn: string;
  readonly canonicalId: string;
  /**
   * Whether the account lets the principal do this: then what is allowed to the whole account is allowed to
   * the principal.
   */
  readonly isLetByAccount: boolean;
}

/** Whom an element names. */
export interface PrincipalSet {
  readonly everybody: boolean;
  /** Whole accounts. */
  readonly accountIds: ReadonlySet<string>;
  readonly arns: ReadonlySet<string>;
  readonly canonicalIds: ReadonlySet<string>;
}

const KINDS = ['AWS', 'CanonicalUser', 'Federated', 'Service'] as const;
const ACCOUNT = /^[A-Za-z0-9_-]{1,64}$/;
const ROOT = /^arn:aws[a-z-]*:iam::([A-Za-z0-9_-]{1,64}):root$/;
const NAMED_KIND = /^arn:aws[a-z-]*:(iam::[\w-]{1,64}:(user|role|group)|sts::[\w-]{1,64}:assumed-role)\//;
const NAME = /^[\w+=,.@/-]{1,512}$/;
const CANONICAL_ID = /^[0-9a-f]{64}$/;

/** Undefined where it is none. */
export function readPrincipals(element: unknown): PrincipalSet | undefined {
  const accountIds = new Set<string>();
  const arns = new Set<string>();
  const canonicalIds = new Set<string>();
  if (element === '*') return { everybody: true, accountIds, arns, canonicalIds };
  if (typeof element !== 'object' || element === null || Array.isArray(element)) return undefined;
  let everybody = false;
  let count = 0;
  for (const [kind, given] of Object.entries(element)) {
    if (!(KINDS as readonly string[]).includes(kind)) return undefined;
    for (const name of Array.isArray(given) ? (given as readonly unknown[]) : [given]) {
      if (typeof name !== 'string' || name === '') return undefined;
      count += 1;
      // Nobody calls as a service, or by a federation that a policy could name.
      if (kind === 'Federated' || kind === 'Service') continue;
      if (kind === 'CanonicalUser') {
        if (!CANONICAL_ID.test(name)) return undefined;
        canonicalIds.add(name);
      } else if (name === '*') everybody = true;
      else if (ROOT.test(name)) accountIds.add((ROOT.exec(name) as RegExpExecArray)[1] as string);
      else if (ACCOUNT.test(name)) accountIds.add(name);
      else if (NAMED_KIND.test(name) && NAME.test(name.replace(NAMED_KIND, ''))) arns.add(name);
      else return undefined;
    }
  }
  return count === 0 ? undefined : { everybody, accountIds, arns, canonicalIds };
}

export function includes(set: PrincipalSet, principal: Principal): boolean {
  const { accountId } = principal;
  return includesItself(set, principal) || (accountId !== undefined && namesAccount(set, principal));
}

/** Whether it is named itself, not only its account. */
export function includesItself(set: PrincipalSet, { accountId, arn }: Principal): boolean {
  return set.everybody || (accountId !== undefined && set.arns.has(arn));
}

function namesAccount(set: PrincipalSet, { accountId = '', canonicalId }: Principal): boolean {
  return set.accountIds.has(accountId) || set.canonicalIds.has(canonicalId);
}
