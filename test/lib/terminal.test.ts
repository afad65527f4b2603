import fc from 'fast-check'
import { expect, it } from 'vitest'
import { forTerminal, forTerminalJson } from '../../src/lib/text/terminal.ts'
import { evilText } from '../support/hostile.ts'

/** How runners find a command in a line that a step prints. */
const obeyed: readonly ((line: string) => boolean)[] = [
  // Azure Pipelines, and the older form of GitHub's runner: anywhere.
  line => /##[\w.-]{0,64}\[/.test(line),
  // GitHub, Gitea and Forgejo: at the start, blanks before it do not count.
  line => /^::[a-z]/i.test(line.trimStart()),
  line => /section_(?:start|end):\d/.test(line),
  line => /^(?:---|\+\+\+|~~~|\^\^\^) /.test(line)
]

const commands = [
  '##[error]no',
  '##vso[task.setvariable variable=GATE]open',
  '##vso[task.complete result=Succeeded;]',
  "##teamcity[buildStatus status='SUCCESS']",
  '##[set-env name=PATH;]/tmp',
  '::set-output name=gate::open',
  '::add-mask::x',
  '::stop-commands::y',
  'section_start:1560896352:name',
  '--- all is well',
  '+++ open',
  '~~~ folded',
  '^^^ +++'
]

it.each(commands)('%s is no command wherever it stands', command => {
  for (const before of [
    '',
    ' ',
    '\t\u00a0',
    'saw ',
    '#',
    '##',
    '\r',
    'a\n',
    'a\n  ',
    '\u001b[31m',
    '\u200b',
    '\u001b]0;'
  ]) {
    for (const line of forTerminal(`${before}${command} behind`).split('\n')) {
      expect(obeyed.map(takes => takes(line))).toEqual([false, false, false, false])
    }
    const json = forTerminalJson(JSON.stringify({ said: before + command }))
    expect(obeyed.some(takes => takes(json))).toBe(false)
    expect(JSON.parse(json)).toEqual({ said: before + command })
  }
})

it('no text at all is obeyed, and documents stay the same', () => {
  const text = fc.array(
    fc.oneof(
      evilText,
      fc.constantFrom(...commands, '#', '##', ':', '::', ' ', '\n', '\r', '\u001b[', '\u200b')
    ),
    {
      maxLength: 8
    }
  )
  fc.assert(
    fc.property(text, parts => {
      const said = parts.join('')
      const shown = forTerminal(said)
      for (const line of shown.split('\n')) expect(obeyed.some(takes => takes(line))).toBe(false)
      const bare = shown.replaceAll(/\u001b\[(?:1|2|22|31|32|33|36|39)m/g, '') // oxlint-disable-line no-control-regex
      expect([...bare].filter(sign => /[\p{Cc}\u202e]/u.test(sign) && !/[\t\n]/.test(sign))).toEqual([])
      const json = forTerminalJson(JSON.stringify(said))
      expect(JSON.parse(json)).toBe(said)
      expect(obeyed.some(takes => takes(json))).toBe(false)
    })
  )
})

it('our own colours and words stay', () => {
  const line = '\u001b[32m✓\u001b[39m the gate: open # 1\n\tnext: a::b, section_one, ## heading\n---'
  expect(forTerminal(line)).toBe(line)
})
