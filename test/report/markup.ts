import assert from 'node:assert/strict';

const VOID = new Set(['meta', 'img', 'wbr', 'br', 'link', 'input', 'hr']);

/** Fails unless every element of `text` is closed, in order, and every attribute quoted. Plots close themselves as XML does. */
export function expectWellFormed(text: string): void {
  const withoutStyle = text.replace(/<style>[\s\S]*?<\/style>/g, '');
  const open: string[] = [];
  const tag = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>|<!doctype html>|</g;
  for (const match of withoutStyle.matchAll(tag)) {
    const [whole, isClosing, name, , isEmpty] = match;
    if (name === undefined) {
      assert.equal(whole, '<!doctype html>', `stray "<" at ${withoutStyle.slice(match.index, match.index + 60)}`);
    } else if (isClosing) {
      assert.equal(name, open.pop(), `</${name}> at ${match.index}`);
    } else if (!isEmpty && !VOID.has(name)) {
      open.push(name);
    }
  }
  assert.deepEqual(open, []);
}

/** Fails where a page could load something: an address, a script, a style sheet, a frame, or an image that is not inside. */
export function expectSelfContained(page: string): void {
  const withoutNamespaces = page.replaceAll(/http:\/\/www\.w3\.org\/(2000\/svg|1999\/xhtml|1999\/xlink)/g, '');
  for (const pattern of [
    /https?:/i,
    /<script/i,
    /<link/i,
    /<iframe/i,
    /@import/i,
    /url\(/i,
    /src="(?!data:image\/)/i,
  ]) {
    assert.doesNotMatch(withoutNamespaces, pattern);
  }
}
