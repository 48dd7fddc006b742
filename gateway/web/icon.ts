/** The page's icon: a sun behind a roof. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#14543f"/><circle cx="32" cy="27" r="11" fill="#f5b83d"/><path d="M10 43 32 27l22 16v5L32 33 10 48z" fill="#fff"/><path d="M18 47.5 32 38l14 9.5V54H18z" fill="#8fd3b6"/></svg>
`
