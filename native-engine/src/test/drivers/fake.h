/*
 * What the fake drivers share: settings of the file devices.conf beside the library, one "name value" a line,
 * read again at each start of the library. Settings that are not there have defaults.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char settings[64][2][64];
static int setting_count;

static void read_settings(void) {
  Dl_info self;
  char path[PATH_MAX];
  setting_count = 0;
  if (!dladdr((void *)read_settings, &self)) return;
  snprintf(path, sizeof path, "%s", self.dli_fname);
  char *slash = strrchr(path, '/');
  snprintf(slash ? slash + 1 : path, sizeof path - (size_t)(slash ? slash + 1 - path : 0), "devices.conf");
  FILE *file = fopen(path, "r");
  while (file && setting_count < 64 &&
         fscanf(file, "%63s %63[^\n]", settings[setting_count][0], settings[setting_count][1]) == 2) {
    setting_count++;
  }
  if (file) fclose(file);
}

static const char *text_setting(const char *name, const char *otherwise) {
  for (int i = 0; i < setting_count; i++) {
    if (!strcmp(settings[i][0], name)) return settings[i][1];
  }
  return otherwise;
}

static long setting(const char *name, long otherwise) {
  const char *text = text_setting(name, NULL);
  return text ? strtol(text, NULL, 0) : otherwise;
}
