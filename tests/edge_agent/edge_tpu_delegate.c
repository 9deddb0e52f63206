/* A TFLite delegate for tests: the plug-in interface of libedgetpu.so.1, and no device behind it.
 *
 * Built without options it claims no operation, so that the CPU's kernels run under its name;
 * -DNO_DEVICE: nothing is plugged in; -DREFUSES_MODEL: the device takes no model.
 */
#include <stdint.h>
#include <stdlib.h>

/* The head of TfLiteDelegate in tensorflow/lite/core/c/common.h, and room for what later versions append. */
typedef struct Delegate {
  void *data;
  int (*prepare)(void *context, struct Delegate *delegate);
  void *copy_from;
  void *copy_to;
  void *free_buffer;
  int64_t flags;
  void *appended[16];
} Delegate;

static int prepare(void *context, Delegate *delegate) {
  (void)context;
  (void)delegate;
#ifdef REFUSES_MODEL
  return 1; /* kTfLiteError */
#else
  return 0; /* kTfLiteOk */
#endif
}

void *tflite_plugin_create_delegate(char **keys, char **values, size_t n_options, void (*report)(const char *)) {
  (void)keys;
  (void)values;
  (void)n_options;
#ifdef NO_DEVICE
  report("Failed to open\ndevice");
  return NULL;
#else
  (void)report;
  Delegate *delegate = calloc(1, sizeof *delegate);
  if (delegate != NULL) delegate->prepare = prepare;
  return delegate;
#endif
}

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
