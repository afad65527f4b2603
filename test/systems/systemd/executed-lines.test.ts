import { expect, it } from 'vitest'
import { bare, executed, unsureIn } from '../../../src/systems/systemd/executed-lines.ts'
import type { UnitPrograms } from '../../../src/systems/systemd/unit-programs.ts'
import { unitState } from '../../support/boot.ts'

const unit = (start: string, script?: string): UnitPrograms => ({
  unit: unitState('x.service', {}),
  files: [{ path: '/x.service', text: `[Service]\n${start}\n` }],
  programs: script === undefined ? [] : [{ path: '/start', text: script, why: '' }]
})
const texts = (one: UnitPrograms) => executed(one).map(({ text }) => text)

it.each<[string, string, boolean]>([
  ['a command', 'docker network create x', true],
  ['a comment', '# docker network create x', false],
  ['an echo', 'echo "docker network create x"', false],
  ['what follows a comment sign within a word', 'a#b; docker network create x', true]
])('of a script, %s', (_, line, is) => {
  const lines = texts(unit('ExecStart=/start', `#!/bin/sh\n${line}\n`))
  expect(lines.some(text => text.includes('docker network create x'))).toBe(is)
})

it.each<[string, string, boolean]>([
  ['a program with arguments', 'ExecStart=/bin/dockerd --bip 10.0.0.1/24', true],
  ['a shell with a script', "ExecStart=/bin/sh -c 'exec /bin/dockerd --bip 10.0.0.1/24'", true],
  ['a comment of such a script', "ExecStart=/bin/sh -c 'true # --bip 10.0.0.1/24'", false],
  ['what is said only', 'ExecStart=/bin/echo --bip 10.0.0.1/24', false],
  ['a line of another kind', 'Environment=X=--bip', false]
])('of a unit file, %s', (_, line, is) => {
  expect(texts(unit(line)).some(text => text.includes('--bip'))).toBe(is)
})

it('a line is named by its file and its number', () => {
  const lines = executed(unit('ExecStart=/start', '#!/bin/sh\n\ndocker run x\n'))
  expect(lines).toContainEqual({ file: '/start', line: 3, text: 'docker run x' })
})

it('what the text of the unit does not decide is said', () => {
  expect(unsureIn(unit('ExecStart=/start plain'))).toEqual([])
  expect(unsureIn(unit('EnvironmentFile=/etc/x\nExecStart=/start $UNKNOWN')).join()).toContain('/x.service:3')
})

it.each([
  [`a  'b'`, 'a b'],
  ['a\\ b"c"', 'a bc']
])('%s without blanks and quotes', (text, expected) => {
  expect(bare(text)).toBe(expected)
})
