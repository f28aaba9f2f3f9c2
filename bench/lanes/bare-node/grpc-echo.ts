/** What no server over gRPC can do without: it reads a message and sends it back. */
import { Server, ServerCredentials } from '@grpc/grpc-js';

const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
const asItIs = (bytes: Buffer) => bytes;
server.register<Buffer, Buffer>(
  '/inference.GRPCInferenceService/ModelInfer',
  (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) => {
    callback(null, call.request);
  },
  asItIs,
  asItIs,
  'unary',
);
server.bindAsync(`127.0.0.1:${String(process.env.PORT)}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.once('SIGTERM', () => process.exit());
