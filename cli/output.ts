// Owns what a command prints: a value as JSON for programs, or lines for people.

export function printed(
  options: { readonly json?: boolean },
  value: unknown,
  lines: readonly string[],
): void {
  process.stdout.write(
    options.json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''),
  );
}
