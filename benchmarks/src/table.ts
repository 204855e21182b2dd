import type { Figures, Part } from './part.ts';

/** The figures of one part as a Markdown table: each row with its ratios to the bare row and to the baseline. */
export function table({ name, unit, bare, baseline }: Part, figures: Figures): string {
  const references = [...new Set([bare, baseline])].filter((row) => row !== undefined);
  const head = [name, unit, ...references.map((row) => `x ${row}`)];
  const rows = Object.entries(figures).map(([row, value]) => [
    row,
    rounded(value),
    ...references.map((reference) => ratio(value, figures[reference])),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [head, rule, ...rows].map((row) => line(row, widths)).join('\n');
}

function line(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  });
  return `| ${padded.join(' | ')} |`;
}

function ratio(value: number, reference: number | undefined): string {
  return reference === undefined ? '' : (value / reference).toFixed(2);
}

function rounded(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
