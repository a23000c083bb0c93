#include <curl/curl.h>

/* Swift cannot call variadic functions: one shim for each kind of argument, none for a single option. */

typedef size_t (*esgz_curl_data_function)(char *bytes, size_t size, size_t count, void *context);
typedef int (*esgz_curl_progress_function)(
    void *context, curl_off_t download_total, curl_off_t download_now, curl_off_t upload_total, curl_off_t upload_now);
typedef int (*esgz_curl_seek_function)(void *context, curl_off_t offset, int origin);

static inline CURLcode esgz_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_data_function(CURL *handle, CURLoption option, esgz_curl_data_function value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode esgz_curl_set_progress_function(CURL *handle, esgz_curl_progress_function value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
static inline CURLcode esgz_curl_set_seek_function(CURL *handle, esgz_curl_seek_function value) {
    return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, value);
}
static inline CURLcode esgz_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode esgz_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(handle, info, value);
}
