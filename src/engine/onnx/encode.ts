import type { Tensor } from '../tensor.js';
import { dataTypes, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxValueInfo } from './model.js';
import { MessageWriter } from './wire.js';

/** The bytes of `model` as an ONNX file: the same model gives the same bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const graph = new MessageWriter();
  for (const node of model.nodes) graph.message(1, encodeNode(node));
  graph.string(2, model.name);
  for (const [name, tensor] of model.initializers) graph.message(5, encodeTensor(tensor, name));
  for (const input of model.inputs) graph.message(11, encodeValueInfo(input));
  for (const output of model.outputs) graph.message(12, encodeValueInfo(output));

  const out = new MessageWriter().integer(1, model.irVersion).string(2, 'eyeball').message(7, graph);
  for (const [domain, version] of model.opsets) {
    out.message(8, new MessageWriter().string(1, domain).integer(2, version));
  }
  return out.finish();
}

function encodeNode(node: OnnxNode): MessageWriter {
  const out = new MessageWriter();
  for (const input of node.inputs) out.string(1, input);
  for (const output of node.outputs) out.string(2, output);
  out.string(3, node.outputs[0] ?? '').string(4, node.opType);
  for (const [name, value] of Object.entries(node.attributes)) out.message(5, encodeAttribute(name, value));
  for (const raw of node.rawAttributes) out.bytes(5, raw);
  return out.string(7, node.domain);
}

function encodeAttribute(name: string, value: OnnxAttribute): MessageWriter {
  const out = new MessageWriter().string(1, name);
  if (typeof value === 'number') return out.float(2, value).integer(20, 1);
  if (typeof value === 'bigint') return out.integer(3, value).integer(20, 2);
  if (typeof value === 'string') return out.string(4, value).integer(20, 3);
  if ('dtype' in value) return out.message(5, encodeTensor(value)).integer(20, 4);
  for (const element of value) {
    if (typeof element === 'bigint') out.integer(8, element);
    else out.float(7, element);
  }
  return out.integer(20, typeof value[0] === 'number' ? 6 : 7);
}

function encodeTensor({ dtype, shape, data }: Tensor, name?: string): MessageWriter {
  const out = new MessageWriter();
  for (const dim of shape) out.integer(1, dim);
  out.integer(2, dataTypes[dtype]);
  if (name !== undefined) out.string(8, name);
  return out.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function encodeValueInfo({ name, dtype, shape }: OnnxValueInfo): MessageWriter {
  const type = new MessageWriter().integer(1, dataTypes[dtype]);
  if (shape !== undefined) {
    const dims = new MessageWriter();
    for (const dim of shape) {
      dims.message(
        1,
        typeof dim === 'number' ? new MessageWriter().integer(1, dim) : new MessageWriter().string(2, dim),
      );
    }
    type.message(2, dims);
  }
  return new MessageWriter().string(1, name).message(2, new MessageWriter().message(1, type));
}
