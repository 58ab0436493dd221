/**
 * The body of a `settings` record: a msgpack array that opens with its format version. It holds all that is set for an origin,
 * so the newest one is the truth, and older ones may go with their segments.
 */
import type { Sequence } from '../kernel/brand.js';
import { require } from '../kernel/commonjs.js';
import { UnknownFormatError } from '../kernel/errors.js';
import type { SettingsRow } from './origin-settings.js';

const formatVersion = 1;
const { Packr } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: false });

type Fields = [
  format: number,
  origin: string,
  version: number,
  paused: boolean,
  concurrency: number | null,
  ratePerSecond: number | null,
  secret: string | null,
];

/** The result owns its memory. */
export function encodeSettings({ origin, version, settings }: SettingsRow): Uint8Array {
  const { paused, concurrency, ratePerSecond, secret } = settings;
  const fields: Fields = [formatVersion, origin, version, paused, concurrency, ratePerSecond, secret];
  return new Uint8Array(packr.pack(fields));
}

/** Throws UnknownFormatError for a format that this version does not read. */
export function decodeSettings(bytes: Uint8Array): SettingsRow {
  const [format, origin, version, paused, concurrency, ratePerSecond, secret] = packr.unpack(bytes) as Fields;
  if (format !== formatVersion)
    throw new UnknownFormatError(`settings of an origin: expected format ${formatVersion}, found ${String(format)}`);
  return { origin, version: version as Sequence, settings: { paused, concurrency, ratePerSecond, secret } };
}
