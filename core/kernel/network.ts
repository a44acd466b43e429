// Owns the port of byte connections, so that a simulator can cut, delay and end them. The guarantee: bytes
// arrive in the order in which they were written, each once, or the connection closes.

/** `tcp:127.0.0.1:7000`, `tcp:[::1]:7000`, or `unix:/path/of/the/socket`. A listener takes port 0 for any. */
export type Address = `tcp:${string}` | `unix:${string}`;

/** What takes the bytes that arrive: it says where they shall land, so that nothing is copied twice. */
export interface SocketReceiver {
  /**
   * Where the next bytes shall land: at least one byte long. The socket may write there until `landed` or
   * `closed` is called.
   */
  room(): Uint8Array;
  /** So many bytes (one at least) have landed at the start of the last room. */
  landed(lengthBytes: number): void;
  /** Called once, and last. Without an error when either side ended the connection in order. */
  closed(error: Error | undefined): void;
}

export interface Socket {
  /** Who is on the other side, for messages. */
  readonly peer: string;
  /** Called once; nothing is received before. */
  start(receiver: SocketReceiver): void;
  /**
   * @param bytes must not change until `written` is called.
   * @param written called once, at a later time: the bytes have gone, or the socket is closed.
   */
  write(bytes: Uint8Array, written?: () => void): void;
  /** What is written until `uncork` goes out together. */
  cork(): void;
  uncork(): void;
  /** Receives nothing until `resume`; a room that was given stays in use. */
  pause(): void;
  resume(): void;
  /** Closes once all that was written has gone. */
  end(): void;
  /** Closes at once; no room is written to any more. */
  destroy(error?: Error): void;
}

export interface Listener {
  /** With the port that was chosen. */
  readonly address: Address;
  /** Takes no more connections; those that were taken stay. */
  close(): Promise<void>;
}

/** One side of mutual TLS: PEM texts. The other side's certificate must be signed by the authority. */
export interface TlsIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
  /** The name that the other side's certificate must bear; the host of the address unless given. */
  readonly serverName?: string;
}

export interface ListenOptions {
  readonly tls?: TlsIdentity;
}

export interface ConnectOptions {
  readonly tls?: TlsIdentity;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

export interface Network {
  /**
   * @param accept takes each connection, with TLS once the other side has shown its certificate.
   * @throws Error of the system when the address cannot be had.
   */
  listen(address: Address, accept: (socket: Socket) => void, options?: ListenOptions): Promise<Listener>;
  /** @throws Error of the system, or of TLS. */
  connect(address: Address, options?: ConnectOptions): Promise<Socket>;
}

export type AddressParts =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const TCP = /^tcp:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/;

/** Undefined where the text is no {@link Address}. */
export function parseAddress(text: string): AddressParts | undefined {
  if (text.startsWith('unix:')) return text.length > 5 ? { kind: 'unix', path: text.slice(5) } : undefined;
  const [, six, name, port] = TCP.exec(text) ?? [];
  const host = six ?? name;
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { kind: 'tcp', host, port: Number(port) };
}
