import { lintSource } from '@secretlint/core'
import { creator } from '@secretlint/secretlint-rule-preset-recommend'
import { expect, it } from 'vitest'
import { redact } from '../../src/lib/secrets/redact.ts'
import { oneLiners } from '../support/planted.ts'

/** A maintained set of rules as the judge of ours: what it calls a secret is hidden. */

async function flagged(
  content: string
): Promise<readonly { readonly rule: string; readonly text: string }[]> {
  const rules = [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }]
  const source = { filePath: '/evidence.txt', ext: '.txt', content, contentType: 'text' as const }
  const { messages } = await lintSource({ source, options: { config: { rules }, maskSecrets: false } })
  return messages.map(({ ruleId, range: [from, to] }) => ({ rule: ruleId, text: content.slice(from, to) }))
}

let turn = 0
/** Characters that look drawn at random; joined at run time, so that no scanner takes this file for a leak. */
function fresh(
  length: number,
  alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
): string {
  turn += 1
  let seed = (0x9e3779b9 ^ (turn * 0x85ebca6b)) >>> 0
  return Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return alphabet[(seed >>> 8) % alphabet.length]
  }).join('')
}
const hex = (length: number) => fresh(length, '0123456789abcdef')
const upper = (length: number) => fresh(length, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')
const digits = (length: number) => fresh(length, '0123456789')

const samples: readonly string[] = [
  `AWS_ACCESS_KEY_ID=AKIA${upper(16)}`,
  `AWS_SECRET_ACCESS_KEY=${fresh(40)}`,
  `aws_secret_access_key = "${fresh(40)}"`,
  `AWS_ACCOUNT_ID=${digits(12)}`,
  `token ghp_${fresh(36)}`,
  `token gho_${fresh(36)}`,
  `token ghs_${fresh(36)}`,
  `token github_pat_${fresh(22)}_${fresh(59)}`,
  `glpat-${fresh(20)}`,
  `//registry.npmjs.org/:_authToken=npm_${fresh(36)}`,
  `//registry.npmjs.org/:_authToken=${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  `npm_${fresh(36)}`,
  `xoxb-${digits(12)}-${digits(12)}-${fresh(24)}`,
  `xoxp-${digits(12)}-${digits(12)}-${digits(12)}-${hex(32)}`,
  `xapp-1-A${upper(10)}-${digits(13)}-${hex(64)}`,
  `https://hooks.slack.com/services/T${upper(8)}/B${upper(8)}/${fresh(24)}`,
  `SG.${fresh(22)}.${fresh(43)}`,
  `shpat_${hex(32)}`,
  `shpca_${hex(32)}`,
  `shppa_${hex(32)}`,
  `shpss_${hex(32)}`,
  `lin_api_${fresh(40)}`,
  `sk-${fresh(20)}T3BlbkFJ${fresh(20)}`,
  `sk-proj-${fresh(74)}T3BlbkFJ${fresh(74)}`,
  `sk-ant-api03-${fresh(93)}AA`,
  `sk-ant-api0-${fresh(90)}`,
  `hf_${fresh(34)}`,
  `gsk_${fresh(52)}`,
  `secret_${fresh(43)}`,
  `ntn_${digits(11)}${fresh(35)}`,
  `pat${fresh(14)}.${hex(64)}`,
  `fig${'d'}_${fresh(40)}`,
  `dckr_pat_${fresh(27)}`,
  `vercel_${fresh(24)}`,
  `hvs.${fresh(90)}`,
  `AIza${fresh(35)}`,
  `ops_ey${fresh(260)}`,
  `A3-${upper(6)}-${upper(6)}-${upper(5)}-${upper(5)}-${upper(5)}-${upper(5)}`,
  `https://deploy:${fresh(16)}@git.example.test/ops/infra.git`,
  `postgres://app:${fresh(16)}@db.example.test:5432/app`,
  `mysql://app:${fresh(16)}@db.example.test:3306/app`,
  `mongodb://app:${fresh(16)}@db.example.test:27017/app`,
  `mongodb+srv://app:${fresh(16)}@db.example.test/app`,
  `-----BEGIN RSA PRIVATE KEY-----\n${Array.from({ length: 12 }, () => fresh(64)).join('\n')}\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${Array.from({ length: 6 }, () => fresh(70)).join('\n')}\n-----END OPENSSH PRIVATE KEY-----`,
  `AGE-SECRET-KEY-1${upper(58)}`,
  ...oneLiners.map(({ line }) => line)
]

it('hides whatever the recommended rules of secretlint find', async () => {
  const shown: string[] = []
  const rules = new Set<string>()
  for (const sample of samples) {
    const found = await flagged(sample)
    const after = redact(sample).text
    for (const { rule, text } of found) {
      rules.add(rule)
      if (after.includes(text)) shown.push(`${rule}: ${sample.slice(0, 80)}`)
    }
  }
  expect(shown).toEqual([])
  // What it does not know itself is hidden all the same.
  for (const sample of samples.filter(one => /^(?:hf|gsk|ntn|figd|lin)_/.test(one))) {
    expect(redact(`x ${sample}`).text).toMatch(/^x «redacted:token:1»$/)
  }
  // Or it would be no judge: a rule that was renamed, or a corpus that it no longer reads.
  expect(rules.size).toBeGreaterThan(8)
})
