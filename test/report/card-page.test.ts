import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cardPage } from '../../src/report/card-page.js';

const CARD = `---
library_name: onnx
tags:
- eyeball
---

# age <b> from an image

Made with [eyeball](https://www.npmjs.com/package/eyeball-ml) 0.1.0.

\`\`\`
npx eyeball-ml predict . photo.jpg
\`\`\`

\`model.onnx\` takes \`pixels\`, and [no](javascript:alert(1)) link.

## Measured

RMSE 6.6
years.
`;

describe('the page of a model card', () => {
  const text = cardPage(CARD);

  it('has headings, paragraphs, code and links instead of Markdown', () => {
    assert.match(text, /<h1>age &lt;b&gt; from an image<\/h1>/);
    assert.match(text, /<h2>Measured<\/h2><p>RMSE 6\.6\nyears\.<\/p>/);
    assert.match(text, /<pre class="card"><code>npx eyeball-ml predict \. photo\.jpg<\/code><\/pre>/);
    assert.match(text, /<a href="https:\/\/www\.npmjs\.com\/package\/eyeball-ml">eyeball<\/a>/);
    assert.match(text, /<p><code>model\.onnx<\/code> takes <code>pixels<\/code>/);
  });

  it('has no front matter, no Markdown, and no unescaped text of a user', () => {
    assert.doesNotMatch(text, /library_name|##|```|<b>/);
    assert.match(text, /\[no\]\(javascript:alert\(1\)\) link/);
  });
});
