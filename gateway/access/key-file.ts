/**
 * The file of API keys (`ESCAPEMENT_API_KEYS`): digests, names, scopes, rate limits. JSON, mode 0600.
 *
 * Whoever may write it may let anybody in, so a file that its group or others may write is not believed. It is replaced as
 * a whole: written beside, synced, renamed. The file beside is made exclusively and so is the lock between two commands
 * that change keys at once.
 */
import {
  closeSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from '../../engine/index.js';
import { apiKeyFileBytesMax, apiKeysMax, rateLimitRequestsMax, rateLimitWindowSMax } from '../limits.js';
import { Form, type Sent } from '../form.js';
import { type ApiKey, keyScopes } from './api-key.js';

const closed = { additionalProperties: false };
const keyForm = new Form((Type) =>
  Type.Object(
    {
      id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
      name: Type.String({ pattern: '^[A-Za-z0-9._:-]{1,128}$' }),
      scopes: Type.Array(Type.Unsafe<ApiKey['scopes'][number]>(Type.Union(keyScopes.map((scope) => Type.Literal(scope)))), {
        minItems: 1,
        uniqueItems: true,
      }),
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      rate_limit: Type.Union([
        Type.Null(),
        Type.Object(
          {
            requests: Type.Integer({ minimum: 1, maximum: rateLimitRequestsMax }),
            window_s: Type.Integer({ minimum: 1, maximum: rateLimitWindowSMax }),
          },
          closed,
        ),
      ]),
      created_at: Type.String(),
    },
    closed,
  ),
);
const fileForm = new Form((Type) =>
  Type.Object({ version: Type.Literal(1), keys: Type.Array(keyForm.schema, { maxItems: apiKeysMax }) }, closed),
);

/** Throws StartError for a file that is not there, is not believed, or holds something else. */
export function readKeyFile(file: string): readonly ApiKey[] {
  return parseKeyFile(file, readBelievable(file));
}

/** Changes the keys of a file, or makes one. `change` throws StartError for what it refuses. */
export function changeKeyFile(file: string, change: (keys: readonly ApiKey[]) => readonly ApiKey[]): void {
  const before = statOrNull(file);
  const target = before === null ? file : realpathSync(file);
  const beside = `${target}.new`;
  const handle = openBeside(beside);
  try {
    const keys = change(before === null ? [] : readKeyFile(file));
    if (keys.length > apiKeysMax) throw new StartError(`${file} holds at most ${apiKeysMax} keys: revoke some first`);
    // Root may keep the keys of a service that runs as somebody else, who must still be able to read them.
    if (before !== null && process.getuid?.() === 0) fchownSync(handle, before.uid, before.gid);
    writeSync(handle, renderKeyFile(keys));
    fsyncSync(handle);
    renameSync(beside, target);
    syncFolder(dirname(target));
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
}

/** Throws StartError. */
export function parseKeyFile(file: string, text: string): readonly ApiKey[] {
  const { keys } = checked(file, text);
  for (const unique of ['id', 'name'] as const) {
    const values = new Set(keys.map((key) => key[unique]));
    if (values.size < keys.length) throw new StartError(`two keys in ${file} have the same ${unique}`);
  }
  return keys.map((key) => ({
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    digest: Buffer.from(key.sha256, 'hex'),
    rateLimit: key.rate_limit === null ? null : { requests: key.rate_limit.requests, windowS: key.rate_limit.window_s },
    createdAt: key.created_at,
  }));
}

function checked(file: string, text: string): Sent<typeof fileForm> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError(`${file} is no file of API keys: it is not JSON`);
    throw error;
  }
  if (fileForm.fits(value)) return value;
  const [first] = fileForm.errors(value);
  throw new StartError(`${file} is no file of API keys: ${first?.path ?? ''} ${first?.message ?? ''}`);
}

function renderKeyFile(keys: readonly ApiKey[]): string {
  const rows: Sent<typeof fileForm>['keys'] = keys.map(({ id, name, scopes, digest, rateLimit, createdAt }) => ({
    id,
    name,
    scopes: [...scopes],
    sha256: digest.toString('hex'),
    rate_limit: rateLimit === null ? null : { requests: rateLimit.requests, window_s: rateLimit.windowS },
    created_at: createdAt,
  }));
  return `${JSON.stringify({ version: 1, keys: rows } satisfies Sent<typeof fileForm>, null, 2)}\n`;
}

/** What tells one state of the file from the next, without reading it. Null: it is not there. */
export function stampOf(stat: { ino: number; size: number; mtimeMs: number; ctimeMs: number }): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
}

function readBelievable(file: string): string {
  const stat = statOrNull(file);
  if (stat === null) throw new StartError(`there is no file of API keys ${file}: make one with "escapement keys create"`);
  refuseUnbelievable(file, stat);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`cannot read the API keys ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Throws StartError. */
export function refuseUnbelievable(file: string, { mode, size }: { mode: number; size: number }): void {
  if ((mode & 0o022) !== 0) {
    throw new StartError(`others may write the API keys ${file}, so they are not believed: chmod 600 ${file}`);
  }
  if (size > apiKeyFileBytesMax) throw new StartError(`${file} is no file of API keys: it has ${size} bytes`);
}

function statOrNull(file: string) {
  try {
    return statSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new StartError(`cannot read the API keys ${file} (${code})`);
  }
}

function openBeside(beside: string): number {
  try {
    return openSync(beside, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new StartError(`another command is changing the keys; if none is, remove ${beside}, which it left behind`);
    }
    throw new StartError(`cannot write ${beside} (${code})`);
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
