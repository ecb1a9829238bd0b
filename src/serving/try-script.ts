/** What the page to try the model runs: each picture is sent by itself, four at a time, and stands with its answer in the list. */
export const TRY_SCRIPT = `
'use strict';
const find = id => document.getElementById(id);
const [input, drop, results, status] = ['files', 'drop', 'results', 'status'].map(find);
const unit = document.body.dataset.unit;
const AT_ONCE = 4;
const KEPT = 200;
let asked = 0, answered = 0, running = 0;
const waiting = [];
find('address').textContent = location.origin + '/v1/predict';

const short = value => String(Number(value.toPrecision(value < 0 ? 2 : 3)));
const line = (className, text) => Object.assign(document.createElement('span'), { className, textContent: text });

function show(file) {
  const image = Object.assign(document.createElement('img'), { alt: '', src: URL.createObjectURL(file) });
  image.onload = () => URL.revokeObjectURL(image.src);
  image.onerror = () => {
    URL.revokeObjectURL(image.src);
    image.removeAttribute('src');
  };
  const caption = document.createElement('figcaption');
  caption.append(line('muted', 'waiting'));
  const figure = document.createElement('figure');
  figure.append(image, caption);
  const item = document.createElement('li');
  item.append(figure);
  return { item, caption };
}

function tell(caption, file, lines) {
  const name = line('file', file.name);
  name.title = file.name;
  caption.replaceChildren(...lines.flatMap(part => [part, document.createElement('br')]), name);
}

async function predict({ file, caption }) {
  const level = find('level');
  const token = find('token');
  const query = level && level.value ? '?level=' + Number(level.value) / 100 : '';
  const headers = token && token.value ? { Authorization: 'Bearer ' + token.value } : {};
  const body = new FormData();
  body.append('image', file);
  try {
    const response = await fetch('v1/predict' + query, { method: 'POST', headers, body });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    const { value, low, high, unusual } = answer.predictions[0];
    const lines = [line('number', short(value) + (unit && ' ' + unit))];
    if (low != null && high != null) lines.push(line('muted', short(low) + ' to ' + short(high)));
    if (unusual) lines.push(line('odd', 'unlike the pictures of the training'));
    tell(caption, file, lines);
  } catch (error) {
    tell(caption, file, [line('wrong', error.message)]);
  }
}

function advance() {
  while (running < AT_ONCE && waiting.length > 0) {
    running++;
    predict(waiting.shift()).finally(() => {
      running--;
      answered++;
      status.textContent = answered + ' of ' + asked + ' answered';
      advance();
    });
  }
}

function take(files) {
  const shown = [...files].map(file => ({ file, ...show(file) }));
  results.prepend(...shown.map(({ item }) => item));
  while (results.children.length > KEPT) results.lastChild.remove();
  waiting.push(...shown);
  asked += shown.length;
  advance();
}

input.addEventListener('change', () => {
  take(input.files);
  input.value = '';
});
addEventListener('dragover', event => {
  event.preventDefault();
  drop.classList.add('over');
});
addEventListener('dragleave', () => drop.classList.remove('over'));
addEventListener('drop', event => {
  event.preventDefault();
  drop.classList.remove('over');
  take(event.dataTransfer.files);
});
`;
