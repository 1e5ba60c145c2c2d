/*
 * libspf2, measured: whole checks through a resolver at any port.
 *
 *     peer rate|latency HOST PORT CLIENT FILE IN_FLIGHT plain|cached
 *
 * It answers in one line of JSON, as the other peers do. libspf2 asks the C library's resolver, whose servers stand in
 * /etc/resolv.conf; this program's own __res_ninit comes before the library's and sets another server.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <spf2/spf.h>

static struct sockaddr_in server;
static const char *client;
static char **domains;
static const char **results;
static double *times;
static size_t count, taken;
static int cached, one_by_one;
static SPF_server_t *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int __res_ninit(res_state state)
{
	static int (*real)(res_state);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "__res_ninit");
	int failed = real(state);
	state->nscount = 1;
	state->nsaddr_list[0] = server;
	return failed;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static SPF_server_t *new_server(void)
{
	return SPF_server_new(cached ? SPF_DNS_CACHE : SPF_DNS_RESOLV, 0);
}

static const char *judge(SPF_server_t *engine, const char *domain)
{
	char sender[300];
	SPF_response_t *response = NULL;
	SPF_request_t *request = SPF_request_new(engine);
	snprintf(sender, sizeof sender, "postmaster@%s", domain);
	SPF_request_set_ipv4_str(request, client);
	SPF_request_set_helo_dom(request, "mail.invalid");
	SPF_request_set_env_from(request, sender);
	SPF_request_query_mailfrom(request, &response);
	/* A record that it cannot read has no result but an error, which its users take for a permerror. */
	const char *result = "permerror";
	if (response != NULL && SPF_response_result(response) != SPF_RESULT_INVALID)
		result = SPF_strresult(SPF_response_result(response));
	if (response != NULL)
		SPF_response_free(response);
	SPF_request_free(request);
	return result;
}

static void *lane(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		size_t place = taken++;
		pthread_mutex_unlock(&lock);
		if (place >= count)
			return NULL;
		SPF_server_t *engine = one_by_one ? new_server() : shared;
		double began = seconds();
		results[place] = judge(engine, domains[place]);
		times[place] = seconds() - began;
		if (one_by_one)
			SPF_server_free(engine);
	}
}

static void read_domains(const char *file)
{
	char line[300];
	size_t room = 0;
	FILE *stream = fopen(file, "r");
	if (stream == NULL)
		exit(2);
	while (fscanf(stream, "%299s", line) == 1) {
		if (count == room) {
			room = room ? 2 * room : 1024;
			domains = realloc(domains, room * sizeof *domains);
		}
		domains[count++] = strdup(line);
	}
	fclose(stream);
	results = calloc(count, sizeof *results);
	times = calloc(count, sizeof *times);
}

int main(int argc, char **argv)
{
	if (argc != 8)
		return 2;
	one_by_one = strcmp(argv[1], "latency") == 0;
	cached = strcmp(argv[7], "cached") == 0;
	server.sin_family = AF_INET;
	server.sin_port = htons(atoi(argv[3]));
	inet_pton(AF_INET, argv[2], &server.sin_addr);
	client = argv[4];
	read_domains(argv[5]);
	size_t threads = one_by_one ? 1 : strtoul(argv[6], NULL, 10);
	pthread_t *all = calloc(threads, sizeof *all);
	shared = new_server();
	double began = seconds(), before = cpu();
	for (size_t each = 0; each < threads; each++)
		pthread_create(&all[each], NULL, lane, NULL);
	for (size_t each = 0; each < threads; each++)
		pthread_join(all[each], NULL);
	double took = seconds() - began, used = cpu() - before;
	int major, minor, patch;
	SPF_get_lib_version(&major, &minor, &patch);
	printf("{\"version\": \"libspf2 %d.%d.%d\", \"seconds\": %.6f, \"cpu\": %.6f, \"results\": [", major, minor, patch,
	       took, used);
	for (size_t each = 0; each < count; each++)
		printf("%s\"%s\"", each ? ", " : "", results[each]);
	printf("], \"times\": [");
	for (size_t each = 0; one_by_one && each < count; each++)
		printf("%s%.6f", each ? ", " : "", times[each]);
	printf("]}\n");
	return 0;
}
