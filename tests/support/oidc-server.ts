// Owns a real provider of OpenID Connect under test: npm's oidc-provider on a free port of 127.0.0.1, whose
// tokens for a client's own sake (client credentials) are JWTs with the claims that a test wants.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export const OIDC_AUDIENCE = 'urn:strata';
const CLIENT = { id: 'tester', secret: 'secret of the tester' } as const;

export class OidcServer {
  readonly issuer: string;
  /** Of the tokens from now on. */
  claims: Record<string, unknown> = {};
  audience = OIDC_AUDIENCE;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = new Provider(this.issuer, {
      clients: [
        {
          ...{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [], response_types: [] },
          grant_types: ['client_credentials'],
        },
      ],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => this.audience,
          getResourceServerInfo: () => ({
            ...{ scope: 'api', audience: this.audience, accessTokenTTL: 600 },
            ...{ accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
          }),
        },
      },
      extraTokenClaims: () => this.claims,
    });
    server.on('request', provider.callback());
  }

  static async start(): Promise<OidcServer> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return new OidcServer(server);
  }

  /** An access token, by the client's own credentials. */
  async token(): Promise<string> {
    const basic = Buffer.from(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret)}`).toString('base64');
    const answer = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${basic}`, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'api' }),
    });
    const document = (await answer.json()) as { access_token?: string };
    if (document.access_token === undefined) throw new Error(JSON.stringify(document));
    return document.access_token;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
