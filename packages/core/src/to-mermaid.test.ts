import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { pipeline } from './pipeline.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { toMermaid } from './to-mermaid.ts';

const work = (): number => 1;
const drawn = (...names: readonly string[]): string =>
  toMermaid(pipelineFrom({ name: 'x', stages: names.map((name) => ({ name, use: 'work' })) }, { stages: { work } }));
/** The names of the nodes, as Mermaid shows them: its codes for characters read back. */
const shownIn = (drawing: string): string[] =>
  [...drawing.matchAll(/^ {2}s\d+[[{]"(.*)"[\]}]$/gm)].map(([, label = '']) =>
    label.replace(/#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code))),
  );

/**
 * A node, or an arrow. Within a label stands nothing that Mermaid could take for the end of it, or of the line, and it does not begin
 * with the sign that makes Markdown of it.
 */
const LABEL = '"(?!`)[^"<>\\n\\r\\u2028\\u2029]*"';
const LINE = new RegExp(`^ {2}(s\\d+(\\[${LABEL}\\]|\\{${LABEL}\\})|s\\d+ (-->|-\\.->) s\\d+)$`);

function expectWhole(drawing: string): void {
  const [head, ...lines] = drawing.split('\n');
  expect(head).toBe('flowchart TD');
  for (const line of lines) {
    expect(line).toMatch(LINE);
    // Directives, and comments in several lines, are taken out of a diagram before anything else is read.
    expect(line).not.toMatch(/%%[{*]/);
  }
}

describe('a drawing', () => {
  it('has a node for each stage, a solid arrow for a need, a dotted one for what is optional, a rhombus for a when', () => {
    const made = pipeline('digest')
      .stage('fetch', work)
      .stage('check', { needs: ['fetch'], when: () => true }, work)
      .stage('mail', { needs: ['fetch'], optional: ['check'] }, work);
    expect(toMermaid(made)).toBe(
      [
        'flowchart TD',
        '  s0["fetch"]',
        '  s1{"check"}',
        '  s0 --> s1',
        '  s2["mail"]',
        '  s0 --> s2',
        '  s1 -.-> s2',
      ].join('\n'),
    );
  });

  it('of nothing is an empty flowchart', () => {
    expect(toMermaid(pipeline('empty'))).toBe('flowchart TD');
  });

  it('of what is no pipeline is refused', () => {
    for (const none of [null, undefined, {}, 'x', { stages: [] }]) {
      expect(() => toMermaid(none as never)).toThrow(ConfigError);
    }
  });

  it('of data follows the order in which the stages run', () => {
    const data = {
      name: 'x',
      stages: [
        { name: 'b', needs: ['a'], use: 'work' },
        { name: 'a', use: 'work' },
      ],
    };
    expect(toMermaid(pipelineFrom(data, { stages: { work } }))).toBe('flowchart TD\n  s0["a"]\n  s1["b"]\n  s0 --> s1');
  });
});

describe('a name is drawn as it is, and breaks no line', () => {
  it.each([
    'end',
    'subgraph',
    'say "hi"',
    'two\nlines',
    'two\r\nlines',
    'a]b[c}d{e(f)g',
    'a;b;c',
    'a --> b',
    '#35;',
    '#quot;',
    '&amp; &#34;',
    '<script>alert(1)</script>',
    '<br/>',
    "it's",
    'ünïcode ✓ 日本 👍',
    '\ud83d alone',
    'tab\there',
    'back\\slash\\"',
    '"]\n  s9["x',
    '100% sure',
    ' spaced ',
    'click s0 href "javascript:alert(1)"',
    'classDef',
  ])('%j', (name) => {
    const drawing = drawn(name, 'other');
    expectWhole(drawing);
    expect(shownIn(drawing)).toEqual([name, 'other']);
  });

  it.each(['`', '`markdown`', '`**bold', 'a `b` c'])('%j, which Mermaid would read as Markdown', (name) => {
    expectWhole(drawn(name));
    expect(shownIn(drawn(name))).toEqual([name]);
  });

  it.each(["%%{init: {'theme': 'forest'}}%%", '%% comment', '%%* gone *%%'])(
    '%j, which Mermaid would take out and obey',
    (name) => {
      expectWhole(drawn(name));
      expect(shownIn(drawn(name))).toEqual([name]);
    },
  );

  it.each(['line\u2028separator', 'paragraph\u2029%% separator'])(
    '%j, which is a line of its own to JavaScript',
    (name) => {
      expectWhole(drawn(name));
      expect(shownIn(drawn(name))).toEqual([name]);
    },
  );

  it('whatever it is made of: 5,000 names of signs that mean something to Mermaid', () => {
    const random = seededRandom(7);
    const signs = [
      '"',
      '\n',
      '\r',
      '[',
      ']',
      '{',
      '}',
      '(',
      ')',
      ';',
      '#',
      '<',
      '>',
      '&',
      '|',
      '--',
      'end',
      "'",
      '\\',
      'é',
      '35',
      '`',
      '%%',
      '\u2028',
      '\u2029',
      '*',
    ];
    const names = new Set<string>();
    while (names.size < 5_000) {
      const length = 1 + Math.floor(random() * 8);
      const name = Array.from({ length }, () => signs[Math.floor(random() * signs.length)]).join('');
      if (name.trim() !== '') names.add(name);
    }
    const drawing = drawn(...names);
    expectWhole(drawing);
    expect(shownIn(drawing)).toEqual([...names]);
  });
});
