/** Rows as a table in Markdown, numbers with separators and to the right. */
import type { Row } from '../lib/bench.js';

export function tableOf(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!);
  const rule = columns.map((column) => (typeof rows[0]![column] === 'number' ? '---:' : '---'));
  const lines = rows.map((row) => columns.map((column) => cell(row[column]!)));
  return [columns, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function cell(value: string | number): string {
  return typeof value === 'string' ? value.replaceAll('|', '\\|') : grouped(value);
}

/** 1234567.8 as 1,234,567.8. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}
