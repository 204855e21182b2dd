import { type AnyPipeline, pipelineFacts } from './pipeline.ts';

/**
 * Draws a pipeline as a Mermaid flowchart: a solid arrow for what a stage needs, a dotted one for what it can do without, and a
 * rhombus for a stage whose `when` decides if it runs.
 *
 * @example
 * ```ts
 * import { pipeline, toMermaid } from '@sluice/core';
 *
 * const two = pipeline('two').stage('load', () => 1).stage('save', ['load'], ({ load }) => load);
 * console.assert(toMermaid(two).includes('s0 --> s1'));
 * ```
 */
export function toMermaid(pipeline: AnyPipeline): string {
  const { nodes, indexes } = pipelineFacts(pipeline);
  const lines = nodes.flatMap(({ info }, index) => {
    const [open, close] = info.conditional ? ['{', '}'] : ['[', ']'];
    const arrow = (name: string, how: string): string => `  s${indexes.get(name)} ${how} s${index}`;
    return [
      `  s${index}${open}"${escaped(info.name)}"${close}`,
      ...info.needs.map((name) => arrow(name, '-->')),
      ...info.optional.map((name) => arrow(name, '-.->')),
    ];
  });
  return ['flowchart TD', ...lines].join('\n');
}

/** What Mermaid, or the Markdown in it, would take for something else, as the codes that it knows. */
function escaped(name: string): string {
  return name.replace(/[#"<>&`%.:*\n\r\u2028\u2029]|^\s*[-+]/g, (character) => `#${character.charCodeAt(0)};`);
}
