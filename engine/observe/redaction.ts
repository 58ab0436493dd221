/**
 * What must not be in a log, whatever somebody logs: fields that hold secrets by their name, and secrets by their form, which
 * get into lines through messages of errors and through URLs.
 */

const names = ['authorization', 'cookie', 'headers', 'password', 'payload', 'secret', 'secrets', 'token', 'webhookSecrets'];

/** At the top of a line, and one level below (`config.webhookSecrets`, `request.headers`). */
export const redactedFields: string[] = names.flatMap((name) => [name, `*.${name}`]);

/** What is kept says which key or address it was. None of the forms can hold a quote or a backslash: JSON stays JSON. */
const forms: readonly (readonly [secret: RegExp, shown: string])[] = [
  [/\b(esc_[0-9a-f]{16})_[A-Za-z0-9_-]+/g, '$1_[redacted]'],
  [/\bwhsec_[A-Za-z0-9+/=]+/g, 'whsec_[redacted]'],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [redacted]'],
  [/([?&]token=)[^&\s"'\\]+/g, '$1[redacted]'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s"'\\@]+@/gi, '$1[redacted]@'],
];

export function withoutSecrets(line: string): string {
  let shown = line;
  for (const [secret, replacement] of forms) shown = shown.replace(secret, replacement);
  return shown;
}
