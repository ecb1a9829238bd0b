import { render } from 'preact';
import { App } from './app.js';
import { connect } from './base/studio.js';

render(<App />, document.body);
void connect();
