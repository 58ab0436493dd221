/**
 * A line chart as SVG, without a package: axes with ticks, lines, and each line's name at its end.
 *
 * The caller says where ticks are and how a value is placed; this file knows nothing of percentiles or benches.
 */
export interface Axis {
  readonly label: string;
  /** Monotonic, in whatever unit: the ends of the ticks become the ends of the axis. */
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  /** Where it was measured. */
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
  /** Every point is something that was measured, and shown as one. */
  readonly marked: boolean;
}

const width = 820;
const height = 440;
const plot = { left: 72, right: 600, top: 64, bottom: 376 } as const;
const labelHeight = 16;
const ink = '#1f2933';
const faint = '#d9dee3';
/** Told apart by people who see few colours (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
const dashes = ['none', '7 4', '2 3'] as const;

export function drawChart({ title, caption, x, y, lines, marked }: Chart): string {
  const across = scale(x, plot.left, plot.right);
  const up = scale(y, plot.bottom, plot.top);
  const parts = [
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(plot.left, 26, title, 'font-size="16" font-weight="600"'),
    text(plot.left, 46, caption, 'font-size="11" fill="#616e7c"'),
    ...x.ticks.map(({ at, text: mark }) => {
      const left = across(at);
      const grid = `<line x1="${left}" y1="${plot.top}" x2="${left}" y2="${plot.bottom}" stroke="${faint}"/>`;
      return grid + text(left, plot.bottom + 18, mark, 'text-anchor="middle"');
    }),
    ...y.ticks.map(({ at, text: mark }) => {
      const top = up(at);
      const grid = `<line x1="${plot.left}" y1="${top}" x2="${plot.right}" y2="${top}" stroke="${faint}"/>`;
      return grid + text(plot.left - 8, top + 4, mark, 'text-anchor="end"');
    }),
    text((plot.left + plot.right) / 2, height - 22, x.label, 'text-anchor="middle"'),
    text(0, 0, y.label, `text-anchor="middle" transform="translate(18 ${(plot.top + plot.bottom) / 2}) rotate(-90)"`),
    ...lines.map(({ points }, number) => {
      const path = points.map(([at, value], place) => `${place === 0 ? 'M' : 'L'}${across(at)} ${up(value)}`).join('');
      const line = `<path d="${path}" fill="none" stroke-width="2" stroke-linejoin="round" ${strokeOf(number)}/>`;
      return (
        line +
        (marked
          ? marksOf(
              points.map(([at, value]) => [across(at), up(value)]),
              number,
            )
          : '')
      );
    }),
    ...namesOf(lines, up),
  ];
  const font = `font-family="system-ui, sans-serif" font-size="12" fill="${ink}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${font}>\n${parts.join('\n')}\n</svg>\n`;
}

/** Ticks at 1, 2, 5, 10 ... around the values: a logarithmic scale. Zero and less are placed on its lower end. */
export function logarithmic(label: string, values: readonly number[], format: (value: number) => string): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.min(...positive, 1e9);
  const high = Math.max(...positive, low * 1.001);
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
    for (const digit of [1, 2, 5]) ticks.push(digit * 10 ** decade);
  }
  // One step below and above the values; of a wide span the powers of ten alone.
  const from = Math.max(
    0,
    ticks.findLastIndex((tick) => tick <= low),
  );
  const to = ticks.findIndex((tick) => tick >= high);
  const near = ticks.slice(from, to === -1 ? undefined : to + 1);
  const marks = near.length <= 10 ? near : near.filter((tick, at) => at === 0 || at === near.length - 1 || isPowerOfTen(tick));
  const lowest = near[0]!;
  return {
    label,
    place: (value) => Math.log10(Math.max(value, lowest)),
    ticks: marks.map((at) => ({ at, text: format(at) })),
  };
}

function isPowerOfTen(value: number): boolean {
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
}

function scale({ place, ticks }: Axis, from: number, to: number): (value: number) => number {
  const low = place(ticks[0]!.at);
  const span = place(ticks.at(-1)!.at) - low || 1;
  return (value) => Math.round((from + ((place(value) - low) / span) * (to - from)) * 10) / 10;
}

/** Beside the ends of their lines, pushed apart where they would overlap. A line alone may do without one. */
function namesOf(lines: readonly Line[], up: (value: number) => number): string[] {
  const named = lines.map(({ label, points }, number) => ({ label, number, top: up(points.at(-1)?.[1] ?? 0) }));
  const names = named.filter(({ label }) => label !== '');
  names.sort((a, b) => a.top - b.top);
  let above = plot.top - labelHeight;
  const tops = names.map(({ top }) => {
    above = Math.max(top, above + labelHeight);
    return above;
  });
  const over = Math.max(0, above - plot.bottom);
  return names.map(({ label, number }, place) => {
    const top = tops[place]! - over;
    const key = `<line x1="${plot.right + 10}" y1="${top}" x2="${plot.right + 32}" y2="${top}" stroke-width="2" ${strokeOf(number)}/>`;
    return key + text(plot.right + 38, top + 4, label, '');
  });
}

function strokeOf(number: number): string {
  const dash = dashes[Math.floor(number / colours.length) % dashes.length]!;
  return `stroke="${colours[number % colours.length]}"${dash === 'none' ? '' : ` stroke-dasharray="${dash}"`}`;
}

function marksOf(points: readonly (readonly [number, number])[], number: number): string {
  return points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${colours[number % colours.length]}"/>`).join('');
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
