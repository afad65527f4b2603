/**
 * What is printed, so that neither a terminal nor a CI runner that reads along obeys any of it. Hosts, claims and
 * servers are quoted in what we print, anywhere in a line.
 */

/** Our own colours, and nothing else of what a terminal obeys. */
const colour = /\x1b\[(?:1|2|22|31|32|33|36|39)m/y // oxlint-disable-line no-control-regex
const control = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g // oxlint-disable-line no-control-regex

/** Lines for people. Tabs and line ends stay; what a CI runner takes for a command is parted by a blank. */
export function forTerminal(text: string): string {
  const visible = text.replace(control, (sign, at: number) => {
    colour.lastIndex = at
    return colour.test(text) ? sign : ''
  })
  return visible.split('\n').map(partedLine).join('\n')
}

/**
 * - `##[group]`, `##vso[task.setvariable …]`, `##teamcity[…]` count wherever they stand in a line (Azure Pipelines,
 *   GitHub and Forgejo runners, TeamCity),
 * - `::set-output …::` at the start of one, whatever blanks are before it,
 * - `section_start:…` (GitLab), `--- `, `+++ `, `~~~ ` and `^^^ +++` (Buildkite) at the start.
 */
function partedLine(line: string): string {
  return line
    .replace(/#(?=#[\w.-]{0,64}\[)/g, '# ')
    .replace(/^(?<blank>\s*):(?=:[a-z])/i, '$<blank>: ')
    .replace(/section_(?=(?:start|end):\d)/g, 'section-')
    .replace(/^(?=(?:---|\+\+\+|~~~|\^\^\^) )/, ' ')
}

/** One JSON document on one line: the same document, with what would be obeyed written as an escape. */
export function forTerminalJson(json: string): string {
  return json
    .replace(/[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, escaped)
    .replace(/#(?=#[\w.-]{0,64}\[)/g, escaped)
    .replace(/_(?=(?:start|end):\d)/g, escaped)
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
