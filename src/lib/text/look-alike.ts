/**
 * What a reader takes a text for: without signs that cannot be seen, wide and ornate letters as plain ones, letters
 * of other scripts as the Latin ones that they look like (Unicode's confusables, TR 39). Lower case.
 */

/** Letters stay as they are where they are ASCII: for finding a word in a text. */
export async function readAs(text: string): Promise<string> {
  if (isAscii(text)) return text.toLowerCase()
  const { default: unhomoglyph } = await import('unhomoglyph')
  return [...plainLetters(text)]
    .map(letter => (isAscii(letter) ? letter : latin(unhomoglyph(letter))))
    .join('')
    .toLowerCase()
}

/**
 * Whether one name can be taken for the other: they differ in case, in Unicode form, or in signs that look alike or
 * cannot be seen. Of two names in ASCII only case makes them alike: `p1` and `pl` are honest names.
 */
export async function looksLike(a: string, b: string): Promise<boolean> {
  if (a === b || foldedCase(a) === foldedCase(b)) return true
  if (isAscii(a) && isAscii(b)) return false
  const { default: unhomoglyph } = await import('unhomoglyph')
  // The skeleton of a capital and that of its small letter may differ: I looks like l.
  const skeletons = (name: string) =>
    [plainLetters(name), foldedCase(plainLetters(name))].map(text =>
      foldedCase(
        latin(unhomoglyph(text)).replace(/[\p{Mn}\p{Pd}]/gu, mark =>
          mark.length > 0 && /\p{Pd}/u.test(mark) ? '-' : ''
        )
      )
    )
  const other = new Set(skeletons(b))
  return skeletons(a).some(skeleton => other.has(skeleton))
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

function foldedCase(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC')
}

/** Without accents, joiners, marks of direction and other signs that take no room; dashes as a hyphen. */
function plainLetters(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\p{Mn}\p{Cf}\u115f\u1160\u3164\uffa0]/gu, '')
    .normalize('NFKC')
    .replace(/\p{Pd}/gu, '-')
}

/** Small capitals, which TR 39 has as letters of their own. */
function latin(text: string): string {
  return text.replace(
    /[ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ]/gu,
    letter => 'abcdefghijklmnoprstuvwyz'['ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ'.indexOf(letter)] ?? letter
  )
}
