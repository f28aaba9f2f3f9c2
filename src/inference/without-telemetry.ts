// ONNX Runtime reports to its makers unless this is set before it loads; importing this file first sees to that.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
