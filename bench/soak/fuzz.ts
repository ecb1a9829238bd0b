import { Agent } from 'node:http';
import { z } from 'zod';
import { createRandom, type Random } from '../../src/base/random.js';
import * as studio from '../../src/formats/studio-protocol.js';
import { image } from '../../test/serving/service.js';
import { type Answer, ask, type Sent, type Service, Tally } from './service.js';

/** The part of JSON Schema that the descriptions use. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly format?: string;
}

/** What a path takes, and which answers are documented for it; undefined where none are. */
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, Schema>>;
  /** By content type. */
  readonly bodies: Readonly<Record<string, Schema>>;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>> | undefined;
}

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: NonNullable<Operation['responses']>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      query: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
      bodies: Object.fromEntries(
        Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema]),
      ),
      responses,
    })),
  );
}

/** What the studio's pages ask, which is not part of the public description. */
function studioOperations(): Operation[] {
  const operation = (method: string, path: string, query?: z.ZodType, bodies: Operation['bodies'] = {}) => {
    const { properties = {} } = query === undefined ? {} : schemaOf(query);
    return { method, path: `/studio/api/${path}`, query: properties, bodies, responses: undefined };
  };
  const imageQuery = z.object({ file: z.string(), edge: z.int() });
  const json = (schema: z.ZodType) => ({ 'application/json': schemaOf(schema) });
  return [
    ...['state', 'review', 'results', 'recipe', 'events'].map(path => operation('GET', path)),
    operation('GET', 'samples', studio.samplesQuery),
    operation('GET', 'sample', studio.sampleQuery),
    operation('GET', 'image', imageQuery),
    operation('GET', 'results/image', imageQuery),
    operation('PUT', 'decision', undefined, json(studio.decisionRequest)),
    operation('PUT', 'naming', undefined, json(studio.namingSchema)),
    operation('POST', 'jobs', undefined, json(studio.jobRequest)),
    operation('DELETE', 'jobs/1'),
    operation('DELETE', 'jobs/9e9'),
    operation('POST', 'explain', studio.explainQuery, { 'image/*': { type: 'string', format: 'binary' } }),
    operation('POST', 'session'),
  ];
}

const schemaOf = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' }) as Schema;

/** Makes requests from descriptions: most as described, the others with one part or more changed. */
class Generator {
  private readonly image: Promise<Buffer> = image(100, 60);

  constructor(
    private readonly random: Random,
    private readonly schemas: OpenApi['components']['schemas'],
    /** Texts that mean something to the service. */
    private readonly known: readonly string[],
  ) {}

  async request(operations: readonly Operation[]): Promise<{ readonly sent: Sent; readonly operation: Operation }> {
    const operation = this.pick(operations);
    const image = await this.image;
    const method = this.rarely() ? this.pick(METHODS) : operation.method;
    const query = Object.entries(operation.query)
      .filter(() => this.random.uniform() < 0.5)
      .map(([name, schema]) => [name, this.value(schema)] as const);
    if (this.rarely()) query.push([this.text(), this.text()]);
    const encoded = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
    if (this.rarely()) encoded.push(this.pick(['%', '%ff=%zz', '&&=', 'level=1&level=2', 'a[b]=c', '__proto__=1']));
    const headers: Record<string, string> = this.rarely() ? { ...this.pick(HEADERS) } : {};
    const [type, schema] = this.pick([...Object.entries(operation.bodies), ['text/plain', {}] as const]);
    if (method === 'GET' || method === 'HEAD')
      return { operation, sent: { method, path: this.target(operation.path, encoded), headers } };
    let body = this.body(type, schema, image);
    if (this.rarely()) body = this.damaged(body);
    headers['Content-Type'] = this.rarely() ? this.pick(TYPES) : typeOf(type);
    headers['Content-Length'] = `${body.length}`;
    return { operation, sent: { method, path: this.target(operation.path, encoded), headers, body } };
  }

  private target(path: string, query: readonly string[]): string {
    const at = this.rarely() ? path + this.pick(['/', '//', '/..', '%2f', '%', '?', '/%00', '#']) : path;
    return query.length === 0 ? at : `${at}?${query.join('&')}`;
  }

  private body(type: string, schema: Schema, image: Buffer): Buffer {
    if (type === 'application/json') return Buffer.from(JSON.stringify(this.value(schema)) ?? '');
    if (type !== 'multipart/form-data') return this.rarely() ? Buffer.from(this.text()) : image;
    const names = Object.keys(schema.properties ?? {});
    const parts = Array.from({ length: this.random.integer(4) }, () => [
      Buffer.from(`--b\r\nContent-Disposition: form-data; name="${this.rarely() ? this.text() : this.pick(names)}"`),
      Buffer.from(this.rarely() ? '\r\n\r\n' : '; filename="a"\r\n\r\n'),
      ...[this.rarely() ? Buffer.from(this.text()) : image, Buffer.from('\r\n')],
    ]);
    return Buffer.concat([...parts.flat(), Buffer.from('--b--\r\n')]);
  }

  private damaged(body: Buffer): Buffer {
    const at = this.random.integer(body.length + 1);
    if (this.random.uniform() < 0.5) return body.subarray(0, at);
    const changed = Buffer.from(body);
    for (let i = 0; i < 3 && changed.length > 0; i++)
      changed[this.random.integer(changed.length)] = this.random.integer(256);
    return changed;
  }

  private value(schema: Schema): unknown {
    if (this.rarely()) return this.pick(ODD);
    if (schema.$ref !== undefined) return this.value(this.schemas[schema.$ref.split('/').at(-1)!]!);
    if (schema.const !== undefined) return schema.const;
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return this.value(this.pick(choices));
    if (schema.enum !== undefined) return this.pick(schema.enum);
    const { type, properties = {}, required = [], items = {} } = schema;
    if (type === 'object') {
      const kept = Object.entries(properties).filter(
        ([name]) => this.random.uniform() < (required.includes(name) ? 0.97 : 0.3),
      );
      return Object.fromEntries(kept.map(([name, property]) => [name, this.value(property)]));
    }
    if (type === 'array') return Array.from({ length: this.random.integer(4) }, () => this.value(items));
    if (type === 'boolean') return this.random.uniform() < 0.5;
    if (type === 'number' || type === 'integer') return this.pick([0, 1, 2, 10, 60, 0.5, 0.9, -1, 1e3]);
    return type === 'null' ? null : this.text();
  }

  private text(): string {
    return this.pick([...this.known, ...TEXTS]);
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.integer(choices.length)]!;
  }

  private rarely(): boolean {
    return this.random.uniform() < 0.1;
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LINK'];
const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { Host: 'example.org' },
  { Host: 'a b' },
  { Origin: 'https://example.org' },
  { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' },
  { Expect: 'a miracle' },
  { Expect: '100-continue' },
  { 'Content-Encoding': 'gzip' },
  { 'Accept-Encoding': 'gzip, br;q=x' },
  { 'If-None-Match': '*' },
  { Range: 'bytes=0-1' },
  { Authorization: 'Bearer x' },
  { Cookie: 'eyeball_session=x; =; a' },
  { Connection: 'Upgrade', Upgrade: 'websocket' },
  { 'X-Long': 'x'.repeat(20_000) },
];
const TYPES = ['', '/', 'image/jpeg', 'image/svg+xml', 'application/json; charset=latin1', 'multipart/form-data', 'x'];
const TEXTS = [
  ...['', ' ', 'a', '0', '-1', '1e999', 'NaN', 'ü\u0301', '\u{1f600}', '../../etc/passwd', '/etc/passwd', 'a\0b'],
  ...['a\r\nb', '"\'<>;', '__proto__', 'constructor', '%2e%2e', 'x'.repeat(5000)],
];
const ODD = [null, true, '', 'a', -1, 0.1, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[[]]], { a: {} }, 'x'.repeat(5000)];

const typeOf = (type: string): string =>
  type === 'multipart/form-data' ? `${type}; boundary=b` : type.replace('*', 'jpeg');

/** Statuses of any request to a path whose description does not name its method. */
const WITHOUT_OPERATION = [400, 404, 405, 417, 421, 431];

/** What is wrong with an answer; undefined where nothing is. */
function faultOf({ sent, operation }: { sent: Sent; operation: Operation }, answer: Answer): string | undefined {
  const { status, headers, body } = answer;
  const type = `${headers['content-type'] ?? ''}`.split(';')[0]!;
  const what = `${sent.method} ${operation.path}: ${status}`;
  if (typeof status === 'string') return `${what}, not an answer`;
  if (status >= 500 && status !== 503) return `${what} ${body.slice(0, 200)}`;
  const isProblem = type === 'application/problem+json' && (headers['content-encoding'] || body.includes('"detail"'));
  if (status >= 400 && sent.method !== 'HEAD' && !isProblem) return `${what} is no problem+json`;
  const isDescribed = sent.method === operation.method || (sent.method === 'HEAD' && operation.method === 'GET');
  const isSamePath = sent.path.split(/[?#]/)[0] === operation.path;
  if (operation.responses === undefined) return undefined;
  if (!isDescribed || !isSamePath)
    return WITHOUT_OPERATION.includes(status) || status < 300 ? undefined : `${what} is not expected`;
  const documented = operation.responses[status];
  if (documented === undefined) return `${what} is not documented`;
  if (type !== '' && !(type in (documented.content ?? {}))) return `${what} has the type ${type}, not a documented one`;
  return undefined;
}

/** Asks a service what its own description, and with `isStudio` that of the studio's pages, makes possible. Gives the faults. */
export async function soakFuzz(service: Service, count: number, isStudio: boolean): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { body } = await ask(service.url, { method: 'GET', path: '/openapi.json' }, agent);
  const openApi = JSON.parse(body) as OpenApi;
  const operations = [...operationsOf(openApi), ...(isStudio ? studioOperations() : [])];
  const state = await ask(service.url, { method: 'GET', path: '/studio/api/state' }, agent);
  const { data } = JSON.parse(state.body) as studio.StudioState;
  const samples = await ask(service.url, { method: 'GET', path: '/studio/api/samples?limit=3' }, agent);
  const files = (JSON.parse(samples.body) as Partial<studio.SamplesAnswer>).samples ?? [];
  const encoded = (await image(60, 60)).toString('base64');
  const known = [
    encoded,
    `data:image/jpeg;base64,${encoded}`,
    ...files.map(({ file }) => file),
    data?.fingerprint ?? '',
  ];
  const generator = new Generator(createRandom(0, 'fuzz'), openApi.components.schemas, known);
  const [statuses, faults] = [new Tally(), new Tally()];
  let asked = 0;
  const client = async () => {
    while (asked++ < count) {
      const made = await generator.request(operations);
      const answer = await ask(service.url, made.sent, agent);
      statuses.add(answer.status);
      const fault = faultOf(made, answer);
      if (fault !== undefined) faults.add(fault);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  agent.destroy();
  console.log(`fuzz: ${count} requests of ${operations.length} operations; ${statuses.lines().join(', ')}`);
  return [...faults.lines(), ...(await service.stop())];
}
