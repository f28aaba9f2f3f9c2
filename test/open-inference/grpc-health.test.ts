import { once } from 'node:events';
import { type ClientReadableStream } from '@grpc/grpc-js';
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createRequire } from 'node:module';
