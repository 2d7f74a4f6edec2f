// podvow-cri speaks CRI to the container runtime of the node that it runs on: the few subcommands of crictl that podvow needs, with crictl's names, options
// and JSON. Node images that were made without a registry have no crictl, because its module cannot be had from the Go module proxy.
//
// It must stay a thin client: no judgement, no state, no own retries.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const usage = `podvow-cri [--runtime-endpoint URL] COMMAND
  pods -o json            sandboxes
  ps -a -o json           containers, exited ones too
  images -o json          images
  inspectp ID...          one sandbox (verbose)
  inspect ID...           one container (verbose)
  create ID CONTAINER.json POD.json
                          create a container in a sandbox, do not start it
  stop [-t SECONDS] ID... stop containers
  rm [-f] ID...           remove containers
  stopp ID...             stop sandboxes
  rmp [-f] ID...          remove sandboxes
  version                 runtime name and version`

// format is crictl's own choice: lower camel case, unset fields shown.
var format = protojson.MarshalOptions{EmitUnpopulated: true, Indent: "  "}

func main() {
	endpoint := os.Getenv("CONTAINER_RUNTIME_ENDPOINT")
	if endpoint == "" {
		endpoint = "unix:///run/containerd/containerd.sock"
	}
	args := os.Args[1:]
	if len(args) > 1 && (args[0] == "--runtime-endpoint" || args[0] == "-r") {
		endpoint, args = args[1], args[2:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(endpoint, args[0], args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "podvow-cri: %s: %v\n", args[0], err)
		os.Exit(1)
	}
}

func run(endpoint, command string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	// Large answers are normal on a busy node; the limit is the kubelet's own.
	connection, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		return err
	}
	defer connection.Close()
	runtime := cri.NewRuntimeServiceClient(connection)
	ids, force, grace, err := parse(args)
	if err != nil {
		return err
	}
	switch command {
	case "version":
		return show(runtime.Version(ctx, &cri.VersionRequest{}))
	case "images":
		return show(cri.NewImageServiceClient(connection).ListImages(ctx, &cri.ListImagesRequest{}))
	case "pods":
		return show(runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{}))
	case "ps":
		return show(runtime.ListContainers(ctx, &cri.ListContainersRequest{}))
	case "inspectp":
		return each(ids, func(id string) error {
			answer, err := runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
			if err != nil {
				return err
			}
			return showStatus(answer.GetStatus(), answer.GetInfo())
		})
	case "inspect":
		return each(ids, func(id string) error {
			answer, err := runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
			if err != nil {
				return err
			}
			return showStatus(answer.GetStatus(), answer.GetInfo())
		})
	case "create":
		return create(ctx, runtime, ids)
	case "stop":
		return each(ids, func(id string) error {
			_, err := runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: grace})
			return err
		})
	case "rm":
		return each(ids, func(id string) error {
			if force {
				if _, err := runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id}); err != nil {
					return err
				}
			}
			_, err := runtime.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: id})
			return err
		})
	case "stopp":
		return each(ids, func(id string) error {
			_, err := runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id})
			return err
		})
	case "rmp":
		return each(ids, func(id string) error {
			if force {
				if _, err := runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
					return err
				}
			}
			_, err := runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id})
			return err
		})
	}
	return fmt.Errorf("unknown command\n%s", usage)
}

// create makes a container in a sandbox from the configurations in two files and prints its ID.
func create(ctx context.Context, runtime cri.RuntimeServiceClient, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("wants the ID of a sandbox and the files of two configurations")
	}
	request := &cri.CreateContainerRequest{
		PodSandboxId: args[0], Config: &cri.ContainerConfig{}, SandboxConfig: &cri.PodSandboxConfig{},
	}
	for path, config := range map[string]any{args[1]: request.Config, args[2]: request.SandboxConfig} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// The runtime prints configurations as Go's own JSON, not as protobuf's.
		if err := json.Unmarshal(text, config); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	answer, err := runtime.CreateContainer(ctx, request)
	if err != nil {
		return err
	}
	_, err = fmt.Println(answer.GetContainerId())
	return err
}

// parse takes crictl's options where they stand; -a and -o json are what podvow-cri does anyway.
func parse(args []string) (ids []string, force bool, grace int64, err error) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-f" || arg == "--force":
			force = true
		case arg == "-a" || arg == "--all" || arg == "-ojson" || arg == "--output=json":
		case (arg == "-o" || arg == "--output") && i+1 < len(args):
			i++
			if args[i] != "json" {
				return nil, false, 0, fmt.Errorf("only -o json is known")
			}
		case (arg == "-t" || arg == "--timeout") && i+1 < len(args):
			i++
			if _, err := fmt.Sscan(args[i], &grace); err != nil {
				return nil, false, 0, fmt.Errorf("-t %s: %w", args[i], err)
			}
		case strings.HasPrefix(arg, "-"):
			return nil, false, 0, fmt.Errorf("unknown option %s", arg)
		default:
			ids = append(ids, arg)
		}
	}
	return ids, force, grace, nil
}

func each(ids []string, do func(string) error) error {
	if len(ids) == 0 {
		return fmt.Errorf("no ID given")
	}
	for _, id := range ids {
		if err := do(id); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func show[M proto.Message](message M, err error) error {
	if err != nil {
		return err
	}
	text, err := format.Marshal(message)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(text))
	return err
}

// showStatus prints {"status": …, "info": …} with the runtime's verbose facts as JSON where they are JSON, as crictl does.
func showStatus(status proto.Message, info map[string]string) error {
	text, err := format.Marshal(status)
	if err != nil {
		return err
	}
	facts := map[string]json.RawMessage{}
	if inner, ok := info["info"]; ok && json.Valid([]byte(inner)) {
		if err := json.Unmarshal([]byte(inner), &facts); err != nil {
			return err
		}
	}
	whole, err := json.MarshalIndent(map[string]any{"status": json.RawMessage(text), "info": facts}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(whole))
	return err
}
