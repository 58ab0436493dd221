/**
 * Logs: one JSON object a line on stdout, with `level`, `time` and `component`, so that any collector reads them; or one
 * readable line each, for a terminal. The only door to pino.
 *
 * Writes are synchronous: what was logged before a crash is there, and a log line is rare here (never one per event). What cannot be written is
 * lost rather than waited for: `line-output.ts`.
 * No secret gets into a line, whoever logs what: `redaction.ts`.
 *
 * Every thread may have its own logger, since a line is written to the file descriptor in one piece.
 */
import type { DestinationStream } from 'pino';
import { require } from '../kernel/commonjs.js';
import { LineOutput } from './line-output.js';
import { redactedFields, withoutSecrets } from './redaction.js';

const { pino, stdSerializers, stdTimeFunctions } = require('pino') as typeof import('pino');

export type LogFields = Readonly<Record<string, unknown>>;
type Log = (fields: LogFields, message: string) => void;

/** `err` is the field for an error: it is written with its stack. */
export interface Logger {
  readonly trace: Log;
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
  readonly fatal: Log;
  /** Adds fields to every line, foremost `component`. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly format: 'json' | 'pretty';
  /** Stdout, unless a test listens. Gets whole lines. */
  readonly sink?: { write(line: string): void };
}

const stdoutFd = 1;

export function createLogger({ level, format, sink }: LoggerOptions): Logger {
  const shown = format === 'json' ? (line: string) => line : prettyLine;
  const output = sink ?? new LineOutput({ fd: stdoutFd, lostLine: (lines) => shown(lostLine(lines)) });
  const stream: DestinationStream = { write: (line) => output.write(withoutSecrets(shown(line))) };
  const options = {
    level,
    // Process id and host name are the collector's to add; they would be the longest part of most lines.
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: stdSerializers.err },
    redact: { paths: redactedFields, censor: '[redacted]' },
  };
  return pino(options, stream);
}

function lostLine(lines: number): string {
  const fields = { level: 'warn', time: new Date().toISOString(), component: 'main', lines };
  return `${JSON.stringify({ ...fields, msg: 'log lines could not be written and are lost' })}\n`;
}

/** `10:02:03.004 WARN  gateway  slow request  path=/api/v1/events ms=812`; a stack follows on lines of its own. */
function prettyLine(line: string): string {
  const { level, time, component, msg, err, ...rest } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const columns = [
    String(time).slice(11, 23),
    String(level).toUpperCase().padEnd(5),
    component ?? 'main',
    `${String(msg)}  ${fields.join(' ')}`,
  ];
  return `${columns.join(' ').trimEnd()}\n${stackOf(err)}`;
}

function stackOf(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { stack, message } = err as { stack?: unknown; message?: unknown };
  return `${String(stack ?? message)}\n`.replace(/^(?=.)/gm, '    ');
}
