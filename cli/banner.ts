// Owns what a person sees when the cloud serves: where it is, who may call, and five commands that work as
// they stand.

export interface BannerFacts {
  readonly s3: string;
  readonly identity: string;
  readonly admin: string;
  readonly region: string;
  readonly dataDirectory: string;
  /** Absolute path; JSON with accessKey, secretKey and adminPassword. */
  readonly credentialsFile: string;
  /** At the first start only: shown this once. */
  readonly firstCredentials?: { readonly accessKey: string; readonly secretKey: string };
}

export function banner(facts: BannerFacts): string {
  return [
    '',
    `  Strata is up on ${facts.dataDirectory}`,
    '',
    `  S3      ${facts.s3}   (region ${facts.region})`,
    `  login   ${facts.identity}   (OpenStack: OS_AUTH_URL; user and project admin, domain default)`,
    `  admin   ${facts.admin}/healthz   ${facts.admin}/metrics`,
    ...credentialLines(facts),
    '',
    '  Try it, in another terminal:',
    '',
    ...commandsToTry(facts).map((command) => (command === '' ? '' : `    ${command}`)),
    '',
    '  Ctrl-C finishes what is in flight and stops.',
    '',
  ].join('\n');
}

function credentialLines({ credentialsFile, firstCredentials }: BannerFacts): string[] {
  if (!firstCredentials) return [`  keys    ${credentialsFile}`];
  return [
    `  access key   ${firstCredentials.accessKey}`,
    `  secret key   ${firstCredentials.secretKey}`,
    `               shown this once; kept in ${credentialsFile}`,
  ];
}

/** Two lines that give the keys to the clients, then five commands. */
function commandsToTry({ s3, region, credentialsFile }: BannerFacts): string[] {
  const key = (field: string) =>
    `$(node -p ${quoted(`require(${JSON.stringify(credentialsFile)}).${field}`)})`;
  const { host } = new URL(s3);
  const aws = `aws --endpoint-url ${s3} s3`;
  const rclone = `rclone --s3-provider Other --s3-env-auth --s3-endpoint ${s3}`;
  // It takes its keys from the environment too: a command line can be read by everybody on the machine.
  const s3cmd = `s3cmd --no-ssl --host=${host} --host-bucket=${host}`;
  return [
    `export AWS_ACCESS_KEY_ID=${key('accessKey')} AWS_DEFAULT_REGION=${region}`,
    `export AWS_SECRET_ACCESS_KEY=${key('secretKey')}`,
    '',
    `${aws} mb s3://photos`,
    `echo 'hello, cloud' | ${aws} cp - s3://photos/hello.txt`,
    `${s3cmd} ls s3://photos`,
    `${rclone} lsl :s3:photos`,
    `${rclone} cat :s3:photos/hello.txt`,
  ];
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
