import { paramsSchema } from '../src/config/json-schema.ts'
import { paramLines } from '../src/config/plan/params-text.ts'
import { explained } from '../src/probe/explain.ts'
import type { AnyProbe } from '../src/probe/probe.ts'

/** `docs/probes.md`: what `adversary probe --explain` says, of all probes. */
export function probePage(probes: readonly AnyProbe[], banner: string): string {
  const index = probes.map(({ id, asserts }) => `- [\`${id}\`](#${id}): ${lowerFirst(asserts)}`)
  return `<!-- ${banner} -->

# Probes

A probe is a read-only question with a pure judgement. A plan names it under \`probe\`, and its parameters
under \`with\`. It ends \`pass\` or \`fail\` only where it has seen what it judges: everything else is \`unknown\`.
Probes marked with a lens (🔍) need no expectation and also hunt on their own account.

${index.join('\n')}

${probes.map(section).join('\n')}`
}

function section(probe: AnyProbe): string {
  const { id, asserts, because, remedy, hunts } = probe
  const lens = hunts === undefined ? '' : ` 🔍`
  const hunting = hunts === undefined ? '' : `\n**Hunts** with severity ${hunts.severity}.\n`
  const lines = paramLines(paramsSchema(probe))
  const table = lines.map(
    ({ name, type, required, about }) =>
      `| \`${name}\` | ${cell(type)} | ${required ? 'yes' : ''} | ${cell(about)} |`
  )
  const params =
    table.length === 0
      ? 'It takes no parameters.'
      : ['| parameter | type | required | |', '| --- | --- | --- | --- |', ...table].join('\n')
  const { commands, elsewhere, needs } = explained(probe) ?? { commands: [], elsewhere: [], needs: [] }
  const fails = (probe.fails ?? []).map(way => `- ${way}`).join('\n')
  const read = [...commands.map(line => `- \`${line}\``), ...elsewhere.map(line => `- ${line}`)].join('\n')
  return `## ${id}

${asserts}.${lens}

**Why it matters.** ${because}

**Ways to fail**

${fails}

**When it fails.** ${remedy}
${hunting}
${params}

<details><summary>What it reads, and what it needs for that</summary>

${read}

It needs ${needs.length === 0 ? 'nothing of a host' : needs.join('; ')}.

</details>
`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text
}
