// Owns the certificates that tests show: one authority and a part of its cluster, and a stranger whom another
// authority vouches for. They are valid for localhost and 127.0.0.1, until 2126, and guard nothing.

import type { TlsIdentity } from '#core/kernel/network.ts';

const authority = `-----BEGIN CERTIFICATE-----
MIIBljCCAT2gAwIBAgIUeS5ZQuFfPtAbODoa80lxXEUvYeMwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVU3RyYXRhIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzA5MDUw
MFoYDzIxMjYxMDMwMDkwNTAwWjAgMR4wHAYDVQQDDBVTdHJhdGEgdGVzdCBhdXRo
b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATo42cGS/9gYgzkGHpFPtdO
elTTWmtRnxmcS6ndZdrWky9nHPCAusasMwK6EqLiOhlEOTrr/ki+e0luARmkJMmK
o1MwUTAdBgNVHQ4EFgQUXtvUyl3xGakKolREd98pk9CAA2swHwYDVR0jBBgwFoAU
XtvUyl3xGakKolREd98pk9CAA2swDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
AgNHADBEAiBIz/kguNB5Zfu2ZlMO03ZYXdoDLbi4v+A/DtaqznTqfwIgchkUgvgg
yfE/OWXNRCbIoZQBW7/wCRFg6ya1ayEUyC0=
-----END CERTIFICATE-----
`;

const certificate = `-----BEGIN CERTIFICATE-----
MIIBkDCCATegAwIBAgIUWpNWuuAsvbyjgQF0ZqwGf2QhlJ8wCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVU3RyYXRhIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzA5MDUw
MFoYDzIxMjYxMDMwMDkwNTAwWjAPMQ0wCwYDVQQDDARub2RlMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAESEALb0YAlFy45zpiHY1nyoojhQSOY1XKF/JPhindF5rw
1fYZ46cZ7uP2NioBQ8P/+DS7ajo1S4kYcGPWYzjH6aNeMFwwGgYDVR0RBBMwEYIJ
bG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBRLHDcWIh+6NUJTZEC8Ke3vT/wJHzAf
BgNVHSMEGDAWgBRe29TKXfEZqQqiVER33ymT0IADazAKBggqhkjOPQQDAgNHADBE
AiACGO8/Ay8/Na+RisCEGDDjbqs8y2bvUk5lI0BR/Rhw7wIgbLV8CBAP4Ip2P91C
hw1tkJlpSIkYCMY1Bx9cOiZZJvs=
-----END CERTIFICATE-----
`;

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDvT7LdtcYkUlBk37
jLtbbz1w6OMn7qn20/hd+upL05ChRANCAARIQAtvRgCUXLjnOmIdjWfKiiOFBI5j
VcoX8k+GKd0XmvDV9hnjpxnu4/Y2KgFDw//4NLtqOjVLiRhwY9ZjOMfp
-----END PRIVATE KEY-----
`;

const strangersCertificate = `-----BEGIN CERTIFICATE-----
MIIBkjCCATegAwIBAgIUQ+0Nu+ni77rBt/kpg2xCHoX1OtEwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRQW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTIzMDkwNTAwWhgP
MjEyNjEwMzAwOTA1MDBaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEAJMTbn4wVPoRZaNOKtTBWIstQvw76uIenCOahgIaBya7
Q93RzSO1ewvxSK5L56t53hOCtYIvaOwvAHD+fPyHbaNeMFwwGgYDVR0RBBMwEYIJ
bG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBSOuRqv7v9OxsYcBW0qA5+O4c7yKTAf
BgNVHSMEGDAWgBTb8VAmmZuRdHIIhZCUJb/8YvYIwzAKBggqhkjOPQQDAgNJADBG
AiEA+PICz6zb4eMDOQQbLhKR6myq2h9KA8miqq7bAdk//eoCIQDkP0MI0Law3Krj
2LeA0j81jZt1Uek71epUfljBY2pomQ==
-----END CERTIFICATE-----
`;

const strangersKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgObSUKWM9tUwAUm/c
TfN06QiuAedsN5b4mRHenoYrgYihRANCAAQAkxNufjBU+hFlo04q1MFYiy1C/Dvq
4h6cI5qGAhoHJrtD3dHNI7V7C/FIrkvnq3neE4K1gi9o7C8AcP58/Idt
-----END PRIVATE KEY-----
`;

export const memberIdentity: TlsIdentity = { key, certificate, authority };

/** Knows the authority of the cluster, which does not know it. */
export const strangersIdentity: TlsIdentity = {
  key: strangersKey,
  certificate: strangersCertificate,
  authority,
};
