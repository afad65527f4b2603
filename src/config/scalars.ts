import * as z from 'zod'
import { durationForm, parseDuration } from '../lib/duration.ts'
import { isRepoPath } from '../lib/repo-path.ts'

export { isRepoPath }

/** The words that both files of the home are made of. Each says, in its own words, what it expects. */

/** Text on one line, without control or bidirectional characters: it reaches headings and commit messages. */
export const line = z
  .string()
  .regex(/^[^\p{C}\u2028\u2029]{1,300}$/u, 'one line of text, at most 300 characters')

/** `30s`, `15m`, `30d` → milliseconds. */
export const duration = z
  .string(durationForm)
  .transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== null) return ms
    context.addIssue({ code: 'custom', message: durationForm })
    return z.NEVER
  })
  .meta({ title: 'duration' })

/** A calendar day, YYYY-MM-DD. */
export const day = z.iso.date('a day such as `2026-07-01`').meta({ title: 'day' })

/** A path inside the watched repo: relative, `/` between its parts, no part empty, `.`, `..` or `.git`. */
export const repoPath = z
  .string()
  .max(500, 'a path of at most 500 characters')
  .refine(isRepoPath, 'a path inside the repo, relative and without `..` or `.git`')
  .meta({ title: 'path in the repo' })

/** What git accepts as a branch, minus what would need quoting anywhere. */
export const branch = z
  .string()
  .refine(
    name =>
      /^[\w/.+#@-]{1,200}$/.test(name) &&
      !/^[-/.]|\/\/|\.\.|@\{|\/\.|\.lock(?:\/|$)|[/.]$|^@$|^HEAD$|^refs\//.test(name),
    'the name of a branch'
  )
  .meta({ title: 'branch' })

export const sha = z
  .string()
  .regex(/^[0-9a-f]{7,64}$/, 'a commit: 7 to 64 hex digits')
  .meta({ title: 'commit' })

/** The name of a host: it stands in headings, evidence and file names. */
export const hostName = z
  .string()
  .regex(
    /^(?!(?:repo|web|record)$)[A-Za-z0-9][\w.-]{0,63}$/,
    'the name of a host: letters, digits, `.`, `_`, `-` (`repo`, `web` and `record` mean other places)'
  )
  .meta({ title: 'host' })

/** Hosts by name or by a glob over the names, such as `web-*`. */
export const hostGlob = z
  .string()
  .regex(
    /^(?!(?:repo|web|record)$)[A-Za-z0-9*?[][\w.*?[\]!^-]{0,63}$/,
    'the name of a host, or a glob such as `web-*`'
  )
  .meta({ title: 'host or glob' })

/** A path of the reviewer's machine: absolute, from `~`, or relative to the home. */
export const localPath = z
  .string()
  .regex(/^[^\0\r\n]{1,1000}$/, 'a path')
  .meta({ title: 'local path' })
