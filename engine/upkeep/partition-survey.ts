/**
 * Everything on disk of one partition looked through: its segments record by record, its mark, its indexes and snapshots. Says what is wrong and
 * where, and goes on behind it.
 *
 * For a directory that nobody writes. Reads only.
 */
import { statSync } from 'node:fs';
import type { LogRecord } from '../event/record.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { DamageError, LogFormatError } from '../log/damage.js';
import { beginningPath, readBeginning } from '../log/segment/log-beginning.js';
import { hasMark, type LogPosition, logStart, readMark } from '../log/segment/mark.js';
import { listIndexes, listSegments, listSnapshots, partitionDir, type SegmentName } from '../log/segment/segment-files.js';
import { isIntact } from '../log/index/segment-index.js';
import { SegmentReader } from '../log/segment/segment-reader.js';
import { SnapshotReader } from '../log/snapshot/snapshot-file.js';
import { type RecordFault, type SurveyPosition, surveySegment } from '../log/segment/segment-survey.js';
import { storageFaultOf } from '../log/sqlite.js';

export interface Fault {
  readonly partition: PartitionId;
  readonly file: string;
  /** Of the records concerned; null when it is about the file as a whole. */
  readonly sequences: { readonly first: Sequence; readonly last: Sequence } | null;
  /** As a damaged record says: perhaps this is what is damaged. */
  readonly event: EventId | null;
  /**
   * `records`: records are lost. `sum`: nothing is lost, a sum beside sound data is damaged. `mark`: nobody can say whether the log is
   * whole. `remade`: the next start makes it again by itself. `foreign`: no damage; another version wrote it, and this one cannot
   * read it.
   */
  readonly kind: 'records' | 'sum' | 'mark' | 'remade' | 'foreign';
  readonly detail: string;
}

export interface PartitionSurvey {
  readonly partition: PartitionId;
  readonly segments: number;
  /** Sound ones. */
  readonly records: number;
  /** Null when it cannot be read. */
  readonly mark: LogPosition | null;
  readonly end: SurveyPosition;
  readonly faults: readonly Fault[];
}

export interface SurveyRequest {
  readonly dataDir: string;
  readonly partition: PartitionId;
  /** Sound records, in order. */
  readonly record?: (record: LogRecord) => void;
  /** Called with its size when a segment is done. */
  readonly segmentDone?: (bytes: number) => void;
}

const nowhere: SurveyPosition = { seq: 0 as Sequence, chain: null };

export function surveyPartition(request: SurveyRequest): PartitionSurvey {
  const survey = new Survey(request);
  survey.segments();
  survey.mark();
  survey.indexes();
  survey.snapshots();
  return survey.result();
}

/** Bytes of its segments, for a progress report. */
export function segmentBytesOf(dataDir: string, partition: PartitionId): number {
  return listSegments(partitionDir(dataDir, partition)).reduce((sum, { path }) => sum + statSync(path).size, 0);
}

class Survey {
  readonly #request: SurveyRequest;
  readonly #dir: string;
  readonly #names: readonly SegmentName[];
  readonly #faults: Fault[] = [];
  #records = 0;
  #end: SurveyPosition = logStart;
  #mark: LogPosition | null = null;

  constructor(request: SurveyRequest) {
    this.#request = request;
    this.#dir = partitionDir(request.dataDir, request.partition);
    const beginning = this.#beginning();
    this.#names = listSegments(this.#dir).filter(({ first }) => first >= beginning);
    this.#end = { ...logStart, seq: (beginning - 1) as Sequence };
  }

  result(): PartitionSurvey {
    return {
      partition: this.#request.partition,
      segments: this.#names.length,
      records: this.#records,
      mark: this.#mark,
      end: this.#end,
      faults: this.#faults,
    };
  }

  /** Where retention has left it. When that cannot be read: with the first segment that is there. */
  #beginning(): Sequence {
    try {
      return readBeginning(this.#dir);
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      const file = beginningPath(this.#dir);
      const detail = 'it is unreadable, so nobody can say whether the log has lost its first segments';
      this.#faults.push({ partition: this.#request.partition, file, sequences: null, event: null, kind: 'mark', detail });
      return listSegments(this.#dir)[0]?.first ?? (1 as Sequence);
    }
  }

  segments(): void {
    for (const [place, name] of this.#names.entries()) {
      const before = this.#names[place + 1]?.first ?? null;
      if (name.first !== this.#end.seq + 1) this.#missing(name);
      this.#segment(name, before);
      this.#request.segmentDone?.(statSync(name.path).size);
    }
  }

  mark(): void {
    if (this.#names.length === 0 && !hasMark(this.#dir)) {
      this.#mark = logStart;
      return;
    }
    const { partition } = this.#request;
    const file = `${this.#dir}/mark`;
    const fault = { partition, file, sequences: null, event: null, kind: 'mark' } as const;
    try {
      this.#mark = readMark(this.#dir, partition);
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      if (error instanceof LogFormatError) {
        this.#faults.push({ ...fault, kind: 'foreign', detail: error.message });
        return;
      }
      this.#faults.push({ ...fault, detail: 'it is missing or unreadable, so nobody can say whether the log is whole' });
      return;
    }
    const { seq, chain } = this.#mark;
    // Where a segment cannot be understood nobody can say where the log ends.
    if (this.#faults.some(({ kind }) => kind === 'foreign')) return;
    if (this.#end.seq < seq) {
      const sequences = { first: (this.#end.seq + 1) as Sequence, last: seq };
      const detail = `the log ends at sequence ${this.#end.seq}, ${seq} was durable`;
      this.#faults.push({ ...fault, file: this.#names.at(-1)?.path ?? this.#dir, kind: 'records', sequences, detail });
      return;
    }
    const found = this.#chainAt(seq);
    if (found !== null && found !== chain) {
      const detail = `the chain at sequence ${seq} is not the one in the mark: records before it were changed or exchanged`;
      this.#faults.push({ ...fault, detail });
    }
  }

  indexes(): void {
    const { partition } = this.#request;
    for (const index of listIndexes(this.#dir)) {
      if (isIntact(index)) continue;
      const detail = 'the index fails its checksum; the next start builds it again';
      this.#faults.push({ partition, file: index.path, sequences: null, event: null, kind: 'remade', detail });
    }
  }

  snapshots(): void {
    const { partition } = this.#request;
    for (const { path } of listSnapshots(this.#dir)) {
      const detail = this.#faultOfSnapshot(path);
      if (detail === null) continue;
      const told = `${detail}; a start does without it, and takes longer`;
      this.#faults.push({ partition, file: path, sequences: null, event: null, kind: 'remade', detail: told });
    }
  }

  #faultOfSnapshot(path: string): string | null {
    try {
      const snapshot = new SnapshotReader(path);
      const { position } = snapshot.header;
      snapshot.close();
      return this.#chainAt(position.seq) === position.chain
        ? null
        : `the log does not bear what it says of sequence ${position.seq}`;
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      return 'the snapshot is not what was written';
    }
  }

  #segment(name: SegmentName, before: Sequence | null): void {
    const { partition, record } = this.#request;
    const reader = this.#open(name, before);
    if (reader === null) return;
    try {
      const { header } = reader;
      const expected = this.#names[0] === name ? null : this.#end.chain;
      if (expected !== null && header.chainBefore !== expected) {
        const detail = `the chain breaks where the segment opens: expected ${expected}, found ${header.chainBefore}`;
        this.#faults.push({ partition, file: name.path, sequences: null, event: null, kind: 'sum', detail });
      }
      this.#end = surveySegment({
        reader,
        after: { seq: (name.first - 1) as Sequence, chain: header.chainBefore },
        before,
        chainBehind: this.#chainBehind(name),
        record: (sound) => {
          this.#records++;
          record?.(sound);
        },
        fault: (fault) => this.#faults.push(faultOf(fault, { partition, file: name.path })),
      });
    } finally {
      reader.close();
    }
  }

  /** Settles which of two values is the damaged one, when it is about the last record of a segment. */
  #chainBehind(name: SegmentName): number | null {
    const next = this.#names[this.#names.indexOf(name) + 1];
    try {
      if (next === undefined) return hasMark(this.#dir) ? readMark(this.#dir, this.#request.partition).chain : null;
      const reader = new SegmentReader(next);
      reader.close();
      return reader.header.chainBefore;
    } catch (error) {
      // It is told when its turn comes.
      if (!(error instanceof DamageError) && storageFaultOf(error) !== 'damaged') throw error;
      return null;
    }
  }

  /** Null when nothing in the file can be read; then all of its records are missing. */
  #open(name: SegmentName, before: Sequence | null): SegmentReader | null {
    const { partition } = this.#request;
    const unusable = (detail: string, kind: Fault['kind'] = 'records'): null => {
      const last = (before === null ? name.first : before - 1) as Sequence;
      const sequences = { first: name.first, last };
      this.#faults.push({ partition, file: name.path, sequences, event: null, kind, detail });
      this.#end = before === null ? { ...nowhere, seq: (name.first - 1) as Sequence } : { ...nowhere, seq: last };
      return null;
    };
    try {
      const reader = new SegmentReader(name);
      if (reader.header.partition === partition) return reader;
      reader.close();
      return unusable(`it belongs to partition ${reader.header.partition}`);
    } catch (error) {
      if (error instanceof LogFormatError) return unusable(error.message, 'foreign');
      if (!(error instanceof DamageError) && storageFaultOf(error) !== 'damaged') throw error;
      return unusable(`the file cannot be read: ${(error as Error).message}`);
    }
  }

  #missing(name: SegmentName): void {
    const sequences = { first: (this.#end.seq + 1) as Sequence, last: (name.first - 1) as Sequence };
    const detail = `no segment holds them: the next one opens with ${name.first}`;
    const { partition } = this.#request;
    this.#faults.push({ partition, file: this.#dir, sequences, event: null, kind: 'records', detail });
  }

  /** As stored; null when there is no such record that can be read. */
  #chainAt(seq: Sequence): number | null {
    if (seq === this.#end.seq) return this.#end.chain;
    const name = this.#names.findLast(({ first }) => first <= seq);
    if (name === undefined) return null;
    try {
      const reader = new SegmentReader(name);
      try {
        return reader.chainAt(seq);
      } finally {
        reader.close();
      }
    } catch (error) {
      // What cannot be read there has been named already.
      if (!(error instanceof DamageError) && storageFaultOf(error) !== 'damaged') throw error;
      return null;
    }
  }
}

function faultOf({ first, last, kind, event, detail }: RecordFault, where: Pick<Fault, 'partition' | 'file'>): Fault {
  return { ...where, sequences: { first, last }, event, kind: kind === 'sum' || kind === 'foreign' ? kind : 'records', detail };
}
