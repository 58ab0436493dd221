/**
 * `escapement keys create|list|revoke`: changes the file of API keys. A server that uses the file notices within a second,
 * so none of them needs to reach it.
 *
 * The token goes to stdout alone, for `KEY=$(escapement keys create ...)`; what is for people goes to stderr.
 */
import { resolve } from 'node:path';
import { type Command, command, StartError } from '../../engine/index.js';
import { type ApiKey, mintApiKey, type RateLimit } from '../access/api-key.js';
import { changeKeyFile, readKeyFile } from '../access/key-file.js';
import { exitCodes } from './exit-codes.js';
import { keysSettings } from './keys-settings.js';

const actions = ['create', 'list', 'revoke'] as const;

interface Asked {
  readonly file: string;
  /** Empty when none was given. */
  readonly name: string;
  readonly scopes: ApiKey['scopes'] | null;
  readonly rateLimit: RateLimit | null;
}

export function keysCommand(): Command {
  return command({
    name: 'keys',
    summary: 'makes, lists and revokes API keys',
    parameters: [
      { name: actions.join('|'), meaning: 'what to do with the keys' },
      { name: 'name', meaning: 'of the key to make; name or id of the key to revoke', optional: true },
    ],
    settings: keysSettings,
    explanation: `A new key is printed once and kept as a digest only. Servers that use the file notice a change within a second.
  escapement keys create orders --scopes write --rate-limit 100/s --api-keys keys.json
Exit codes: 0 done, 1 refused and nothing was changed, 3 there is no such key.`,
    async run({ words: [action, name = ''], values, surroundings }) {
      const { apiKeys, scopes, rateLimit } = values;
      if (apiKeys === null) throw new StartError('which file of keys? Set --api-keys or ESCAPEMENT_API_KEYS');
      const asked: Asked = { file: resolve(surroundings.cwd, apiKeys), name, scopes, rateLimit };
      if (action === 'create') return create(asked);
      if (action === 'list') return list(asked);
      if (action === 'revoke') return revoke(asked);
      throw new StartError(`"escapement keys" can ${actions.join(', ')}, not "${action}"`);
    },
  });
}

function create({ file, name, scopes, rateLimit }: Asked): number {
  if (!/^[A-Za-z0-9._:-]{1,128}$/.test(name)) {
    throw new StartError('a key needs a name of 1 to 128 of A-Z a-z 0-9 . _ : - : escapement keys create <name>');
  }
  if (scopes === null) throw new StartError('what may the key do? Set --scopes to some of read,write,admin');
  const { key, token } = mintApiKey({ name, scopes, rateLimit, createdAt: new Date().toISOString() });
  changeKeyFile(file, (keys) => {
    if (keys.some((other) => other.name === name)) throw new StartError(`there is a key named ${name} already`);
    return [...keys, key];
  });
  process.stdout.write(`${token}\n`);
  process.stderr.write(`The key ${name} may ${scopes.join(', ')}. It is not shown again: ${file} holds its digest only.\n`);
  return exitCodes.done;
}

function list({ file, name }: Asked): number {
  if (name !== '') throw new StartError(`"escapement keys list" does not take "${name}"`);
  const rows = readKeyFile(file).map((key) => [
    key.id,
    key.name,
    key.scopes.join(','),
    key.rateLimit === null ? '-' : `${key.rateLimit.requests}/${key.rateLimit.windowS}s`,
    key.createdAt,
  ]);
  const table = [['ID', 'NAME', 'SCOPES', 'RATE LIMIT', 'CREATED'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
  return exitCodes.done;
}

function revoke({ file, name }: Asked): number {
  if (name === '') throw new StartError('which key? escapement keys revoke <name or id>');
  const keys = readKeyFile(file);
  const revoked = keys.find((key) => key.name === name) ?? keys.find((key) => key.id === name);
  if (revoked === undefined) {
    process.stderr.write(`escapement: there is no key ${name} in ${file}\n`);
    return exitCodes.absent;
  }
  changeKeyFile(file, (now) => now.filter(({ id }) => id !== revoked.id));
  process.stderr.write(`The key ${revoked.name} (${revoked.id}) is revoked. Servers notice within a second.\n`);
  return exitCodes.done;
}
