/* getaddrinfo(3) of a name, as a C library without nsswitch does it (musl, static): each address on a line, or the error's text. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv) {
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
  if (argc != 2) return 2;
  int error = getaddrinfo(argv[1], NULL, &hints, &list);
  if (error != 0) {
    puts(gai_strerror(error));
    return 1;
  }
  for (struct addrinfo *it = list; it != NULL; it = it->ai_next) {
    char text[INET6_ADDRSTRLEN];
    const void *address = it->ai_family == AF_INET ? (const void *)&((struct sockaddr_in *)it->ai_addr)->sin_addr
                                                   : (const void *)&((struct sockaddr_in6 *)it->ai_addr)->sin6_addr;
    puts(inet_ntop(it->ai_family, address, text, sizeof text));
  }
  return 0;
}
