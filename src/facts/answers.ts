import { jsonBounds } from '../lib/bounds.ts'
import { parseJson } from '../lib/json.ts'
import * as z from 'zod'
import { Unseen } from './fact.ts'

/** How the answers of tools that print JSON are taken apart. */

/** One JSON value a line, as `--format '{{json .}}'` prints a list. */
export function jsonLines<T>(item: z.ZodType<T>, stdout: string): readonly T[] {
  const lines = stdout.split('\n').filter(line => line.trim() !== '')
  if (lines.length > jsonBounds.documents)
    throw new Unseen(`it lists more than ${jsonBounds.documents} things, which is more than are looked at`)
  return lines.map(line => item.parse(parseJson(line)))
}

/** One JSON array, as `inspect` prints it. */
export function jsonArray<T>(item: z.ZodType<T>, stdout: string): readonly T[] {
  return z.array(item).parse(parseJson(stdout))
}

/** What may be left out, or null: undefined where it is. */
export function maybe<T>(item: z.ZodType<T>) {
  return item.nullish().transform(value => value ?? undefined)
}

/** Tools leave out, or write null for, what is empty. */
export const text = z
  .string()
  .nullish()
  .transform(value => value ?? '')
export const flag = z
  .boolean()
  .nullish()
  .transform(value => value ?? false)
export const count = z
  .number()
  .nullish()
  .transform(value => value ?? 0)
export const words = z
  .record(z.string(), z.string())
  .nullish()
  .transform(value => value ?? {})

export function list<T>(item: z.ZodType<T>) {
  return z
    .array(item)
    .nullish()
    .transform(value => value ?? [])
}

/** Sorts by a text, by code unit: the order docker prints in differs between versions. */
export function byText<T>(of: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0)
}
