/** Of the methods that a path of an OpenAPIObject may have, those that there are. */
export const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
