import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Request, type Response } from 'express';

/** A request and the response to it. */
export interface HttpExchange {
  request: Request;
  response: Response;
}

/** Injects both sides of an exchange; what the handler returns is still the body. */
export const Exchange = createParamDecorator((_: unknown, context: ExecutionContext): HttpExchange => {
  const http = context.switchToHttp();
  return { request: http.getRequest(), response: http.getResponse() };
});
