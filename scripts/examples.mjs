// Finds the examples that users read: every ```ts block of a README, and of an @example in a doc comment.

/** @typedef {{ file: string, line: number, code: string, run: boolean }} Example `line` is the first line of the code. */

const fence = /^\s*```\s*(\S*)\s*(.*?)\s*$/;

/**
 * The `ts` blocks of Markdown text; one that is fenced as `ts no-run` is to be compiled only.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Example[]}
 */
export function markdownExamples(file, text) {
  return blocks(
    file,
    text.split('\n').map((content, i) => ({ content, line: i + 1 })),
  );
}

/**
 * The `ts` blocks under the `@example` tags of the doc comments of a source file.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Example[]}
 */
export function commentExamples(file, text) {
  /** @type {Example[]} */
  const found = [];
  /** @type {{ content: string, line: number }[]} */
  let lines = [];
  let comment = false;
  let example = false;
  let fenced = false;
  text.split('\n').forEach((raw, i) => {
    comment ||= /^\s*\/\*\*/.test(raw);
    if (!comment) return;
    const content = raw.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, '').replace(/\s*\*\/\s*$/, '');
    if (!fenced && /^\s*@\w/.test(content)) example = /^\s*@example\b/.test(content);
    if (example) {
      if (fence.test(content)) fenced = !fenced;
      lines.push({ content, line: i + 1 });
    }
    if (raw.includes('*/')) {
      found.push(...blocks(file, lines));
      lines = [];
      comment = example = fenced = false;
    }
  });
  return found;
}

/**
 * @param {string} file
 * @param {{ content: string, line: number }[]} lines
 * @returns {Example[]}
 */
function blocks(file, lines) {
  /** @type {Example[]} */
  const found = [];
  /** @type {{ language: string, flags: string, line: number, code: string[] } | undefined} */
  let open;
  for (const { content, line } of lines) {
    const [mark, language = '', flags = ''] = fence.exec(content) ?? [];
    if (mark === undefined) open?.code.push(content);
    else if (open === undefined) open = { language, flags, line: line + 1, code: [] };
    else {
      if (open.language === 'ts') {
        found.push({ file, line: open.line, code: open.code.join('\n'), run: !/\bno-run\b/.test(open.flags) });
      }
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: this code block has no end`);
  return found;
}
