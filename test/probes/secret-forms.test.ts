import { lintSource } from '@secretlint/core'
import { creator } from '@secretlint/secretlint-rule-preset-recommend'
import { describe, expect, it } from 'vitest'
import { secretInUnit } from '../../probes/secret-in-unit.ts'
import { bootOf } from '../support/boot.ts'
import { harmless, real, type Sample } from '../support/credentials.ts'

/** What stands where a credential could stand, and credentials; a maintained set of rules judges what it knows. */

const shebangs = {
  shell: '#!/bin/sh\nset -eu\n',
  python: '#!/usr/bin/env python3\nimport os\n',
  node: '#!/usr/bin/env node\n',
  stack: 'services:\n  app:\n    environment:\n      '
} as const

function outcome([written, line]: Sample): string {
  const { programs } = bootOf({
    units: { x: written === 'unit' ? { service: `ExecStart=/bin/x\n${line}` } : { script: 'true' } }
  })
  const held = written !== 'unit' && written !== 'environment'
  const path = written === 'stack' ? '/etc/stacks/app.yml' : '/opt/x/start'
  const facts = {
    programs: held
      ? {
          ...programs,
          programs: [...programs.programs, { path, text: `${shebangs[written]}${line}\n`, why: '' }]
        }
      : programs,
    environment: written === 'environment' ? [{ service: 'app_app', variables: [line] }] : []
  }
  return secretInUnit
    .judge(facts, secretInUnit.params.parse({}))
    .map(({ outcome }) => outcome)
    .join()
}

async function known(content: string): Promise<boolean> {
  const rules = [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }]
  const source = { filePath: '/x.txt', ext: '.txt', content, contentType: 'text' as const }
  const { messages } = await lintSource({ source, options: { config: { rules }, maskSecrets: false } })
  return messages.length > 0
}

it('there are enough of both', () => {
  expect(harmless.length).toBeGreaterThanOrEqual(40)
  expect(real.length).toBeGreaterThanOrEqual(40)
})

describe('no credential', () => {
  it.each(harmless)('%s: %s', (...sample) => expect(outcome(sample)).toBe('pass'))
})

describe('a credential', () => {
  it.each(real)('%s: %s', (...sample) => expect(outcome(sample)).toBe('fail'))
})

it('agrees with the maintained rules where they know a form', async () => {
  const count = { harmless: 0, real: 0 }
  for (const [, line] of harmless) if (await known(line)) count.harmless += 1
  for (const [, line] of real) if (await known(line)) count.real += 1
  expect(count.harmless).toBe(0)
  expect(count.real).toBeGreaterThan(5)
})
