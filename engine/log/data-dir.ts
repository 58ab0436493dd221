/**
 * The data directory: whose it is, what made it, and the secrets and names that live as long as it does.
 *
 *     <data>/format.json      {"format":2,"partitions":4,"hash":"fnv1a32"}: what must never change; in a cluster also its id, "cluster":"..."
 *     <data>/lock             locked by the process that uses the directory
 *     <data>/lock.pid         which process that is, for people
 *     <data>/node-id          name of this node
 *     <data>/webhook-secret   signs webhooks unless the configuration says otherwise; in a cluster its record has it
 *     <data>/stream-id        marks the cursors of its status stream; not in a cluster either
 *     <data>/partitions/      the logs
 *     <data>/restored.json    from which backup it was made, if from one
 *
 * Two processes on one log would overwrite each other, so there is a lock. It is SQLite's exclusive lock on a file, held by
 * an open transaction: the system releases it with the process, however that ends, and nothing stale can be left behind as
 * with a file that merely says "locked". The number of partitions decides which log an event is in, so a directory made
 * with another number, or by another format, is refused before anything is touched. So is one of another cluster, or of none: the log of
 * a node alone is the truth, that of a member is a copy of a journal, and who took the one for the other would lose events or deliver them twice.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import type { PartitionId } from '../kernel/brand.js';
import { StartError } from '../kernel/errors.js';
import { makeDir, partitionDir, syncDir } from './segment/segment-files.js';
import { type Database, openDatabase, storageFaultOf } from './sqlite.js';

const formatVersion = 2;
const slotHash = 'fnv1a32';
const secretBytes = 32;
const streamIdChars = 6;

/** As they are made here, and as a backup or the operator may have put them there. */
const webhookSecretForm = /^whsec_[A-Za-z0-9+/=]+$/;
const streamIdForm = /^[A-Za-z0-9_-]{6}$/;
const nodeIdForm = /^[A-Za-z0-9._-]{1,64}$/;

/** What a start that was cut short may leave behind before there is a `format.json`, and what a fresh mount brings along. */
const beginnings = ['lock', 'lock-journal', 'lock.pid', 'lock.pid.new', 'format.json.new', 'lost+found'];

/** There while a restore is under way. */
export const restoreUnfinished = 'restore-unfinished';
/** There while a repair exchanges the folder of a partition. */
export const repairUnfinished = 'repair-unfinished';

/** Whose a directory is. */
export interface DirIdentity {
  readonly partitions: number;
  /** By the id in its record. Null: of a node alone. */
  readonly cluster: string | null;
}

export interface DataDir {
  readonly path: string;
  readonly nodeId: string;
  /** Let others have it. */
  close(): void;
}

/** Of a node alone: what a cluster keeps in its record. */
export interface AloneDataDir extends DataDir {
  /** `whsec_` and base64. */
  readonly webhookSecret: string;
  /** Marks the cursors of its status stream; six characters that need no escape. */
  readonly streamId: string;
}

/** Make `dataDir`, or open it. Throws StartError, and has then changed nothing, when it cannot be ours. */
export function openDataDir(asked: DirIdentity & { readonly dataDir: string; readonly cluster: null }): AloneDataDir;
export function openDataDir(asked: DirIdentity & { readonly dataDir: string; readonly cluster: string }): DataDir;
export function openDataDir({ dataDir, ...identity }: DirIdentity & { readonly dataDir: string }): DataDir {
  return explained(dataDir, () => {
    checkFormat(dataDir, identity);
    makeDir(dataDir);
    // SQLite would say of a file system that can only be read that it is unable to open a file.
    accessSync(dataDir, constants.W_OK);
    const lock = lockDir(dataDir, 'stop it, or choose another with ESCAPEMENT_DATA_DIR');
    try {
      // Once more, now that nobody else can be making it.
      if (!checkFormat(dataDir, identity)) {
        writeFormat(dataDir, identity);
      } else if (identity.cluster === null) {
        refuseMissingPartition(dataDir, identity);
      }
      const nodeId = keep(dataDir, {
        name: 'node-id',
        make: () => randomBytes(8).toString('hex'),
        isSound: (text) => nodeIdForm.test(text),
      });
      const opened: DataDir = { path: dataDir, nodeId, close: () => unlockDir(dataDir, lock) };
      return identity.cluster === null ? { ...opened, ...keptAlone(dataDir) } : opened;
    } catch (error) {
      unlockDir(dataDir, lock);
      throw error;
    }
  });
}

function keptAlone(dataDir: string): Pick<AloneDataDir, 'webhookSecret' | 'streamId'> {
  return {
    webhookSecret: keep(dataDir, {
      name: 'webhook-secret',
      make: () => `whsec_${randomBytes(secretBytes).toString('base64')}`,
      isSound: (text) => webhookSecretForm.test(text),
    }),
    streamId: keep(dataDir, {
      name: 'stream-id',
      make: () => randomBytes(6).toString('base64url').slice(0, streamIdChars),
      isSound: (text) => streamIdForm.test(text),
    }),
  };
}

/** What makes a directory ours, so it comes last; from then on a partition that has no folder has lost it. */
export function writeFormat(dataDir: string, { partitions, cluster }: DirIdentity): void {
  if (cluster === null) for (const dir of partitionDirs(dataDir, partitions)) makeDir(dir);
  const format = { format: formatVersion, partitions, hash: slotHash, ...(cluster === null ? {} : { cluster }) };
  writeWhole(join(dataDir, 'format.json'), { text: `${JSON.stringify(format)}\n` });
}

/** A data directory that is there and that nobody else uses now. */
export interface StoppedDir extends DirIdentity {
  readonly path: string;
  /** Let others have it. */
  close(): void;
}

/**
 * For looking at it and mending it. Makes nothing. Throws StartError when it is not there, not ours, or in use; `instead`: what
 * to do in that case.
 */
export function openStoppedDir(dataDir: string, { instead }: { readonly instead: string } = { instead: 'stop it' }): StoppedDir {
  return explained(dataDir, () => {
    const identity = readFormat(dataDir);
    const lock = lockDir(dataDir, instead);
    return { path: dataDir, ...identity, close: () => unlockDir(dataDir, lock) };
  });
}

/** What the directory was made as, whoever uses it now. Throws StartError when it is not there or not ours. */
export function readFormat(dataDir: string): DirIdentity {
  return explained(dataDir, () => {
    const text = readIfThere(join(dataDir, 'format.json'));
    if (text === null) {
      throw new StartError(`there is no data directory of Escapement's at ${dataDir}: say where it is with --data-dir`);
    }
    return parseFormat(dataDir, text);
  });
}

/** True for a directory that is ours, false for one that is yet to be made. Throws StartError for any other. */
function checkFormat(dataDir: string, { partitions, cluster }: DirIdentity): boolean {
  const text = readIfThere(join(dataDir, 'format.json'));
  if (text === null) {
    if (existsSync(join(dataDir, restoreUnfinished))) {
      throw new StartError(`a restore into data directory ${dataDir} was cut short: remove the directory and restore again`);
    }
    const strange = entriesOf(dataDir).find((name) => !isBeginning(dataDir, name) && !name.startsWith('.'));
    if (strange === undefined) return false;
    throw new StartError(
      `data directory ${dataDir} is not empty and not Escapement's (it holds ${strange}): choose another with ESCAPEMENT_DATA_DIR`,
    );
  }
  if (existsSync(join(dataDir, repairUnfinished))) {
    throw new StartError(`a repair of data directory ${dataDir} was cut short: run "escapement repair" again, which ends it`);
  }
  const made = parseFormat(dataDir, text);
  if (made.cluster !== cluster) throw ofAnother(dataDir, { made: made.cluster, asked: cluster });
  if (made.partitions !== partitions) {
    throw new StartError(
      `data directory ${dataDir} was made with ${made.partitions} partitions, not ${partitions}: set ESCAPEMENT_PARTITIONS=${made.partitions}`,
    );
  }
  return true;
}

/** The folders of the partitions come before `format.json`, and are empty until it is there. */
function isBeginning(dataDir: string, name: string): boolean {
  if (name !== 'partitions') return beginnings.includes(name);
  const dir = join(dataDir, name);
  return entriesOf(dir).every((partition) => entriesOf(join(dir, partition)).length === 0);
}

function ofAnother(
  dataDir: string,
  { made, asked }: { readonly made: string | null; readonly asked: string | null },
): StartError {
  const another = 'give this node another one with ESCAPEMENT_DATA_DIR';
  if (made === null) {
    return new StartError(
      `data directory ${dataDir} is of a node alone, and its events are not in cluster ${asked!}: ${another}, or run it without ESCAPEMENT_CLUSTER`,
    );
  }
  if (asked === null) {
    return new StartError(
      `data directory ${dataDir} is of a node of cluster ${made}, a copy of what the cluster keeps: set ESCAPEMENT_CLUSTER=true, or ${another}`,
    );
  }
  return new StartError(
    `data directory ${dataDir} is of cluster ${made}, and ESCAPEMENT_NATS_URL leads to cluster ${asked}: ${another}`,
  );
}

/** Throws StartError for what this version does not read. */
function parseFormat(dataDir: string, text: string): DirIdentity {
  const { format, partitions, hash, cluster = null } = jsonOf(dataDir, text);
  if (format !== formatVersion || hash !== slotHash) throw otherFormat(dataDir, { format, hash });
  if (typeof partitions !== 'number' || !(cluster === null || typeof cluster === 'string')) throw unreadableFormat(dataDir);
  return { partitions, cluster };
}

function jsonOf(dataDir: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadableFormat(dataDir);
}

function otherFormat(dataDir: string, { format, hash }: { readonly format: unknown; readonly hash: unknown }): StartError {
  return new StartError(
    `data directory ${dataDir} has format ${String(format)}/${String(hash)}, this version reads ${formatVersion}/${slotHash}: use the version that made it`,
  );
}

function unreadableFormat(dataDir: string): StartError {
  return new StartError(`data directory ${dataDir} has an unreadable format.json: restore it from a backup`);
}

function lockDir(dataDir: string, instead: string): Database {
  const lock = openDatabase(join(dataDir, 'lock'), { mode: 'write', waitMs: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error;
    const pid = readIfThere(join(dataDir, 'lock.pid'))?.trim();
    throw new StartError(`data directory ${dataDir} is in use by ${pid ? `process ${pid}` : 'another process'}: ${instead}`);
  }
  writeWhole(join(dataDir, 'lock.pid'), { text: `${process.pid}\n` });
  return lock;
}

function unlockDir(dataDir: string, lock: Database): void {
  if (!lock.open) return;
  rmSync(join(dataDir, 'lock.pid'), { force: true });
  lock.close();
}

/**
 * Of a node alone: throws StartError for a partition whose folder is gone. It would begin anew, as if nothing had ever been accepted. A member of a
 * cluster holds copies, of some.
 */
function refuseMissingPartition(dataDir: string, { partitions }: DirIdentity): void {
  const gone = partitionDirs(dataDir, partitions).find((dir) => !existsSync(dir));
  if (gone === undefined) return;
  throw new StartError(`data directory ${dataDir} has lost ${relative(dataDir, gone)}: bring it back, or restore a backup`);
}

function partitionDirs(dataDir: string, partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => partitionDir(dataDir, partition as PartitionId));
}

interface Kept {
  readonly name: string;
  make(): string;
  /** Whether it can be what was made. */
  isSound(text: string): boolean;
}

/** The text of a file, made once. Secrets, so nobody but the owner may read it. Throws StartError when it is damaged: a new one would be another. */
function keep(dataDir: string, { name, make, isSound }: Kept): string {
  const path = join(dataDir, name);
  const known = readIfThere(path)?.trim();
  if (known === undefined) {
    const made = make();
    writeWhole(path, { text: `${made}\n`, mode: 0o600 });
    return made;
  }
  if (isSound(known)) return known;
  throw new StartError(
    `data directory ${dataDir} has an unreadable ${name}: restore it from a backup, or remove it to get a new one`,
  );
}

/** All of it or nothing, and durable. */
export function writeWhole(path: string, { text, mode }: { readonly text: string; readonly mode?: number }): void {
  const unnamed = `${path}.new`;
  rmSync(unnamed, { force: true });
  const fd = openSync(unnamed, 'w', mode ?? 0o644);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(unnamed, path);
  syncDir(join(path, '..'));
}

function readIfThere(path: string): string | null {
  return ifThere(() => readFileSync(path, 'utf8'));
}

function entriesOf(dir: string): string[] {
  return ifThere(() => readdirSync(dir)) ?? [];
}

function ifThere<Found>(read: () => Found): Found | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** One line that a stranger can act on, also when the system says no. */
function explained<Result>(dataDir: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof StartError || !(error instanceof Error) || storageFaultOf(error) === null) throw error;
    throw new StartError(`data directory ${dataDir} cannot be used: ${error.message}`);
  }
}
