/** Version 7: images that came with a container, and go with the last one that is of them. */
export const ANONYMOUS_IMAGES = `
ALTER TABLE images ADD COLUMN anonymous INTEGER NOT NULL DEFAULT 0;
`;
