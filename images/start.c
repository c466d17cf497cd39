// Starts a Java program of the folder that it lies in, without a shell: bin/NAME runs java/bin/java with what options/NAME says.
// A line there is one argument, {home} is that folder, and # begins a comment. SWITCHBOARD_JAVA_OPTIONS adds options of the JVM,
// with spaces between; they win over those of the file.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kMostArguments = 1024, kLongestLine = 4096 };

static char home[PATH_MAX];
static char* arguments[kMostArguments + 1];
static int count;

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(127);
}

static void add(const char* text) {
  static const char kHome[] = "{home}";
  char argument[kLongestLine + PATH_MAX];
  const char* at = strstr(text, kHome);
  if (count == kMostArguments) fail(text, "too many arguments");
  if (at == NULL) {
    arguments[count] = strdup(text);
  } else {
    snprintf(argument, sizeof argument, "%.*s%s%s", (int)(at - text), text, home,
             at + sizeof kHome - 1);
    arguments[count] = strdup(argument);
  }
  if (arguments[count++] == NULL) fail(text, strerror(ENOMEM));
}

static void add_from_environment(void) {
  const char* given = getenv("SWITCHBOARD_JAVA_OPTIONS");
  char* options = given == NULL ? NULL : strdup(given);
  for (char* next = options == NULL ? NULL : strtok(options, " \t\n"); next != NULL;
       next = strtok(NULL, " \t\n")) {
    add(next);
  }
  free(options);
}

static void add_from_file(const char* name) {
  char path[PATH_MAX + 16 + NAME_MAX];
  char line[kLongestLine];
  snprintf(path, sizeof path, "%s/options/%.*s", home, NAME_MAX, name);
  FILE* file = fopen(path, "r");
  if (file == NULL) fail(path, strerror(errno));
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') continue;
    if (strcmp(line, "-cp") == 0) add_from_environment();
    add(line);
  }
  fclose(file);
}

int main(int argc, char** argv) {
  const char* slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  ssize_t length = readlink("/proc/self/exe", home, sizeof home - 1);
  if (argc < 1 || length < 0) fail("/proc/self/exe", strerror(errno));
  home[length] = '\0';
  for (int levels = 0; levels < 2; ++levels) {
    char* end = strrchr(home, '/');
    if (end == NULL) fail(home, "not in a folder of a folder");
    *end = '\0';
  }
  add("{home}/java/bin/java");
  add_from_file(slash == NULL ? argv[0] : slash + 1);
  for (int i = 1; i < argc; ++i) {
    if (count == kMostArguments) fail(argv[i], "too many arguments");
    arguments[count++] = argv[i];
  }
  execv(arguments[0], arguments);
  fail(arguments[0], strerror(errno));
}
