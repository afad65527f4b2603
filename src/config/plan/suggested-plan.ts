import { yamlText } from '../yaml.ts'

/** A check that holds on a host today, and what was seen when it passed. */
export interface SuggestedCheck {
  readonly probe: string
  readonly title: string
  readonly with: Readonly<Record<string, unknown>>
  readonly saw: string
}

/** The plan as a file: what was seen stands above each check. */
export function suggestedPlan(host: string, phase: string, suggestions: readonly SuggestedCheck[]): string {
  const blocks = suggestions.map(({ probe, title, with: values, saw }) => {
    const text = yamlText([{ probe, title, with: values }])
    return [`# today: ${oneComment(saw)}`, ...text.trimEnd().split('\n')]
      .map(line => `      ${line}`)
      .join('\n')
  })
  return [
    `# What holds on ${host} today. Keep what must go on holding, tighten it, and delete the rest.`,
    yamlText({ phase, title: `What holds on ${host}`, host }).trimEnd(),
    'milestones:',
    '  M1:',
    '    title: as it is today',
    '    checks:',
    ...blocks,
    'hunt:',
    '  every: 15m',
    '  probes: all',
    ''
  ].join('\n')
}

function oneComment(text: string): string {
  // A line break would end the comment and begin a key.
  return text.replaceAll(/[^\P{C}]|[\u2028\u2029\u0085]/gu, ' ').slice(0, 160)
}
