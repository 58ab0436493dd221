/**
 * A partition's memory as bytes, and memory from such bytes: where a replay can begin.
 *
 *     outline | settings | aliases ... | origins ... | rows ... | finals ...        sections, each small enough to be taken in within one turn
 *
 * The bytes follow from the records alone, wherever they are made: rows stand in the order of their bodies in the log, not
 * in that of the handles that chance to hold them; origins are numbered in the order in which these rows name them; finals stand
 * in the order of the log. So a snapshot made from the one before it is the same as one made from the beginning, and also as
 * one made from what is left after retention has removed the beginning.
 *
 * Columns are taken from their list (`columns.ts`) by name: a snapshot with other columns than this version has is not read,
 * and the replay is longer.
 *
 * Pure: no file in here (`log/snapshot/snapshot-file.ts`).
 */
import { decodeAlias, encodeAlias } from '../event/alias-codec.js';
import type { Handle, PartitionId, Sequence } from '../kernel/brand.js';
import { InvariantError, invariant } from '../kernel/errors.js';
import { crcOf } from '../log/checksum.js';
import { eventIdBytes } from '../kernel/event-id.js';
import type { KeptAlias } from './aliases.js';
import { columnForms } from './columns.js';
import { finishedForms } from './finished-page.js';
import type { KeptSettings } from './settings-table.js';
import type { Beginning, PartitionState } from './state.js';

/** Of what is in the sections. */
const formatVersion = 4;
/** Rows of a section: taking them in costs about a millisecond. */
const rowsPerSection = 4_096;

export type SectionKind = 'outline' | 'settings' | 'origins' | 'rows' | 'finals' | 'aliases';
/** On disk: never change one. */
const sectionKinds = ['outline', 'settings', 'origins', 'rows', 'finals', 'aliases'] as const satisfies readonly SectionKind[];

/** Bytes of one part, the first of which says what it is. */
export type Section = Uint8Array<ArrayBuffer>;

interface Outline extends Beginning {
  readonly partition: PartitionId;
  readonly seq: Sequence;
}

/** A snapshot of another form (other sections, other columns) is not read. */
export const snapshotForm = crcOf(Buffer.from(JSON.stringify([formatVersion, columnForms, finishedForms])));

/** `finalsFrom`: where the segment opens that holds the newest record applied; earlier finals need not be in memory. */
export function* sectionsOf(state: PartitionState, finalsFrom: Sequence): Generator<Section, void, undefined> {
  const { partition, lastSeq, columns, origins, finished } = state;
  invariant(state.isWhole, () => `partition ${partition}: at ${lastSeq} an event whose beginning was removed has yet to come`);
  const outline: Outline = {
    partition,
    seq: lastSeq,
    // The page of a segment that has just begun is nothing that the records tell.
    pages: finished.outline.filter(({ first }) => first <= lastSeq),
    pending: columns.size,
    keyed: state.keyed,
  };
  yield jsonSection('outline', outline);
  const rows = state.settings.rows().sort((one, other) => one.seq - other.seq);
  if (rows.length > 0) yield jsonSection('settings', rows);
  yield* aliasSections(state);
  const handles = liveHandles(state);
  const renumbered = new Map<number, number>();
  const names: string[] = [];
  let last = -1;
  for (let at = 0; at < handles.length; at++) {
    const number = columns.origin(handles[at]! as Handle);
    if (number === last) continue;
    last = number;
    if (renumbered.has(number)) continue;
    renumbered.set(number, renumbered.size);
    names.push(origins.name(number));
  }
  for (let at = 0; at < names.length; at += rowsPerSection) {
    yield jsonSection('origins', names.slice(at, at + rowsPerSection));
  }
  for (let at = 0; at < handles.length; at += rowsPerSection) {
    yield section('rows', columns.gather(handles.subarray(at, at + rowsPerSection), renumbered));
  }
  yield* finalSections(state, finalsFrom);
}

/** An alias, its event, and where the record stands. */
const aliasBytes = 2 * eventIdBytes + 8;

function* aliasSections({ aliases }: PartitionState): Generator<Section, void, undefined> {
  const rows = [...aliases.rows()];
  for (let at = 0; at < rows.length; at += rowsPerSection) {
    const some = rows.slice(at, at + rowsPerSection);
    const content = new Uint8Array(some.length * aliasBytes);
    const view = new DataView(content.buffer);
    for (const [place, row] of some.entries()) {
      content.set(encodeAlias(row), place * aliasBytes);
      view.setFloat64(place * aliasBytes + 2 * eventIdBytes, row.seq, true);
    }
    yield section('aliases', content);
  }
}

/** In the order of their bodies in the log. */
function liveHandles({ columns }: PartitionState): Float64Array {
  const handles = new Float64Array(columns.size);
  let count = 0;
  let isInOrder = true;
  let last = -1;
  for (let row = 0; row < columns.rows; row++) {
    if (!columns.isLive(row as Handle)) continue;
    handles[count++] = row;
    const bodySeq = columns.bodySeq(row as Handle);
    isInOrder &&= bodySeq > last;
    last = bodySeq;
  }
  // As they are until rows of finished events are used again; to sort a million takes a second.
  if (isInOrder) return handles;
  // Bodies of different events stand at different places, so there is one order only.
  return handles.sort((one, other) => columns.bodySeq(one as Handle) - columns.bodySeq(other as Handle));
}

/** Before the rows: where their page opens. */
const finalsHeadBytes = 8;

function* finalSections({ finished }: PartitionState, finalsFrom: Sequence): Generator<Section, void, undefined> {
  for (const page of finished.pages) {
    if (page.first < finalsFrom) continue;
    const all = page.liveRows();
    for (let at = 0; at < all.length; at += rowsPerSection) {
      const rows = page.gather(all.slice(at, at + rowsPerSection));
      const content = new Uint8Array(finalsHeadBytes + rows.length);
      new DataView(content.buffer).setFloat64(0, page.first, true);
      content.set(rows, finalsHeadBytes);
      yield section('finals', content);
    }
  }
}

/** Takes one section after the other into a state to which nothing has been applied. */
export class SnapshotIntake {
  readonly #state: PartitionState;

  constructor(state: PartitionState) {
    this.#state = state;
  }

  /** Throws InvariantError when it is not what was laid out; its checksum fitted, so that is a bug. */
  take(bytes: Uint8Array): void {
    const state = this.#state;
    switch (kindOf(bytes)) {
      case 'outline': {
        const outline = jsonOf(bytes) as Outline;
        invariant(
          outline.partition === state.partition,
          () => `partition ${state.partition}: a snapshot of ${outline.partition}`,
        );
        state.beginAt(outline.seq, outline);
        return;
      }
      case 'settings':
        state.settings.restore(jsonOf(bytes) as KeptSettings[]);
        return;
      case 'origins':
        state.origins.restore(jsonOf(bytes) as string[]);
        return;
      case 'rows':
        state.restoreRows(bytes.subarray(1));
        return;
      case 'finals':
        this.#takeFinals(bytes.subarray(1));
        return;
      case 'aliases':
        state.restoreAliases(aliasesIn(bytes.subarray(1)));
    }
  }

  #takeFinals(content: Uint8Array): void {
    const head = new DataView(content.buffer, content.byteOffset, finalsHeadBytes);
    const first = head.getFloat64(0, true) as Sequence;
    this.#state.finished.restore(first, content.subarray(finalsHeadBytes));
  }
}

function* aliasesIn(content: Uint8Array): Generator<KeptAlias> {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  for (let at = 0; at < content.length; at += aliasBytes) {
    const seq = view.getFloat64(at + 2 * eventIdBytes, true) as Sequence;
    yield { ...decodeAlias(content.subarray(at, at + 2 * eventIdBytes)), seq };
  }
}

function section(kind: SectionKind, content: Uint8Array): Section {
  const bytes = new Uint8Array(1 + content.length);
  bytes[0] = sectionKinds.indexOf(kind);
  bytes.set(content, 1);
  return bytes;
}

function jsonSection(kind: SectionKind, content: unknown): Section {
  return section(kind, Buffer.from(JSON.stringify(content)));
}

function kindOf(bytes: Uint8Array): SectionKind {
  const kind = sectionKinds[bytes[0]!];
  if (kind === undefined) throw new InvariantError(`a snapshot has a section of kind ${bytes[0]}`);
  return kind;
}

function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1).toString('utf8'));
}
