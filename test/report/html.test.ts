import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeHtml, html, imageUri, trusted } from '../../src/report/html.js';

test('what is put into a template is escaped, in text and in attributes', () => {
  const name = `"><img src=x onerror='alert(1)'>&`;
  assert.equal(
    html`<p title="${name}">${name}</p>`.text,
    '<p title="&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;">&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;</p>',
  );
});

test('markup nests without being escaped again', () => {
  assert.equal(
    html`<ul>${['a<', 'b'].map(item => html`<li>${item}</li>`)}</ul>`.text,
    '<ul><li>a&lt;</li><li>b</li></ul>',
  );
  assert.equal(html`${trusted('<svg/>')}`.text, '<svg/>');
});

test('absent contents leave nothing, zero stays', () => {
  assert.equal(html`[${undefined}${null}${false}${''}${0}]`.text, '[0]');
});

test('an object that only looks like markup is escaped', () => {
  const fake = { text: '<script>', toString: () => '<script>' } as never;
  assert.throws(() => html`${fake}`);
});

test('escapeHtml leaves other characters alone', () => {
  assert.equal(escapeHtml('36 °C, größer ≥ 3'), '36 °C, größer ≥ 3');
});

test('only data URIs of images are let into a page', () => {
  assert.equal(imageUri('data:image/jpeg;base64,AAAA'), 'data:image/jpeg;base64,AAAA');
  for (const uri of [
    'https://example.org/x.jpg',
    'data:text/html,<b>',
    'data:image/svg+xml;base64,AAAA',
    'x" onerror="',
  ]) {
    assert.throws(() => imageUri(uri), /^Error: internal: an image of a page must be a data URI/);
  }
});
