// A plugin by HashiCorp's own library, with the service of that library's own tests: what it does on each call is ours.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	grpctest "github.com/hashicorp/go-plugin/test/grpc"
	"google.golang.org/grpc"
)

// One version of the plugin's own protocol: Double multiplies by its factor.
type version struct {
	plugin.NetRPCUnsupportedPlugin
	factor int32
	logger hclog.Logger
}

func (v *version) GRPCServer(broker *plugin.GRPCBroker, server *grpc.Server) error {
	grpctest.RegisterTestServer(server, &service{version: v, broker: broker})
	return nil
}

func (v *version) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (interface{}, error) {
	return nil, errors.New("this is no host")
}

type service struct {
	*version
	broker   *plugin.GRPCBroker
	pongSize int
}

func (s *service) Double(_ context.Context, in *grpctest.TestRequest) (*grpctest.TestResponse, error) {
	return &grpctest.TestResponse{Output: in.Input * s.factor}, nil
}

// A key is a command; what a test wants to know comes back as an error's text.
func (s *service) PrintKV(ctx context.Context, in *grpctest.PrintKVRequest) (*grpctest.PrintKVResponse, error) {
	switch in.Key {
	case "log":
		s.logger.Warn("it was asked to", "times", in.GetValueInt(), "key", in.Key)
	case "panic":
		panic("as it was asked to")
	case "exit":
		os.Exit(int(in.GetValueInt()))
	case "hang":
		<-ctx.Done()
	case "size":
		s.pongSize = int(in.GetValueInt())
	case "environment":
		return nil, errors.New(strings.Join(os.Environ(), "\n"))
	default:
		return nil, fmt.Errorf("no such command: %s", in.Key)
	}
	return &grpctest.PrintKVResponse{}, nil
}

// Calls the host's server of that id, and answers with the id of one of its own that repeats what the host said.
func (s *service) Bidirectional(ctx context.Context, in *grpctest.BidirectionalRequest) (*grpctest.BidirectionalResponse, error) {
	connection, err := s.broker.Dial(in.Id)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	pong, err := grpctest.NewPingPongClient(connection).Ping(ctx, &grpctest.PingRequest{})
	if err != nil {
		return nil, err
	}
	id := s.broker.NextId()
	go s.broker.AcceptAndServe(id, func(options []grpc.ServerOption) *grpc.Server {
		server := grpc.NewServer(options...)
		grpctest.RegisterPingPongServer(server, &ponger{message: "heard: " + pong.Msg + strings.Repeat("!", s.pongSize)})
		return server
	})
	return &grpctest.BidirectionalResponse{Id: id}, nil
}

func (s *service) Stream(stream grpctest.Test_StreamServer) error {
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&grpctest.TestResponse{Output: in.Input * s.factor}); err != nil {
			return err
		}
	}
}

type ponger struct{ message string }

func (p *ponger) Ping(context.Context, *grpctest.PingRequest) (*grpctest.PongResponse, error) {
	return &grpctest.PongResponse{Msg: p.message}, nil
}

func main() {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: os.Stderr, JSONFormat: true})
	if len(os.Args) > 1 && os.Args[1] == "late" {
		time.Sleep(time.Minute)
	}
	set := func(factor int32) plugin.PluginSet {
		return plugin.PluginSet{"test": &version{factor: factor, logger: logger}}
	}
	config := &plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: "BASIC_PLUGIN", MagicCookieValue: "hello"},
		VersionedPlugins: map[int]plugin.PluginSet{2: set(2), 3: set(3)},
		Logger:           logger,
		GRPCServer:       plugin.DefaultGRPCServer,
	}
	if len(os.Args) > 1 && os.Args[1] == "netrpc" {
		config.GRPCServer = nil
	}
	plugin.Serve(config)
}
